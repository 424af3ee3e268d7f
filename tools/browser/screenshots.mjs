// Makes the pictures in the docs: node screenshots.mjs REPORT DIR
// The report is a sample's, the page that of a real run on a stack of its own.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { open, withBrowser } from "./browser.mjs";

const [report, pictures] = process.argv.slice(2).map((path) => resolve(path));
const bin = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "bin");
const files = 240;
const picture = (page, name) => page.screenshot({ path: join(pictures, name) });

// One node in eight fails its start task, one in sixteen is still at it.
const workload = `name: thumbnails
inputs: {dir: photos, match: ["*.jpg"]}
pool:
  vmSize: Standard_D4s_v3
  image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, version: latest}
  nodeAgentSku: batch.node.ubuntu 24.04
  spotNodes: 36
  taskSlots: 4
  startTask: {command: "case $AZ_BATCH_NODE_ID in *[08]_p) exit 1;; *f_p) sleep 600;; esac"}
task:
  command: |
    echo reading {{input}}; sleep $((RANDOM % 25 + 5))
    case {{input}} in *7.jpg) echo "not a JPEG file: starts with 0x00 0x00" >&2; exit 1;; esac
    cp {{input}} {{output}}
  output: "{{stem}}.thumb.jpg"
timeout: 30m
cleanup: {when: always}
`;

await withBrowser(async (context) => {
  for (const scheme of ["light", "dark"]) {
    await picture(await open(context, pathToFileURL(report).href, { scheme }), `report-${scheme}.png`);
  }
  await withStack(async (url) => {
    const job = await tailOfTheJob(url);
    for (const scheme of ["light", "dark"]) {
      const page = await open(context, `${url}/#jobs/${job}`, { scheme });
      await page.locator("#task-list tr").nth(1).waitFor();
      const [busiest] = await page.getByRole("option", { name: /running, [1-4] of 4/ }).all();
      await busiest.focus();
      await page.locator(".node").getByText("Recent tasks").waitFor();
      await picture(page, `page-${scheme}.png`);
    }
  });
});

/** Runs use with the address of the page of a stack that runs the workload. */
async function withStack(use) {
  const dir = mkdtempSync(join(tmpdir(), "durabatch-screenshots-"));
  const stack = spawn(join(bin, "local"), ["up", "--data", join(dir, "data")], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(stack.stdout, "data"); // ready, or its end
    assert.equal(stack.exitCode, null, "the stack does not start");
    const env = Object.fromEntries(readFileSync(join(dir, "data", "env"), "utf8").trim().split("\n")
      .map((line) => line.match(/^export (\w+)='?(.*?)'?$/).slice(1)));
    mkdirSync(join(dir, "photos"));
    for (let n = 1; n <= files; n++) writeFileSync(join(dir, "photos", `IMG_${1000 + n}.jpg`), `photo ${n}`);
    writeFileSync(join(dir, "workload.yaml"), workload);
    const start = spawnSync(join(bin, "starter"), ["start", "workload.yaml"], { cwd: dir, env: { ...process.env, ...env }, stdio: "inherit" });
    assert.equal(start.status, 0, "the run does not start");
    await use(env.DURABATCH_PAGE);
  } finally {
    stack.kill();
    if (stack.exitCode === null) await once(stack, "exit");
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Waits until the last tasks run, when nodes differ most, and returns the job. */
async function tailOfTheJob(url) {
  for (;;) {
    const { jobs } = await (await fetch(`${url}/api/overview`)).json();
    const [job] = jobs;
    if (job && job.tasks.active === 0 && job.tasks.succeeded > files / 3 && job.tasks.running < 70) return job.id;
    await wait(300);
  }
}
