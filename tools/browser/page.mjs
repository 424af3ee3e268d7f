// Checks the page of what runs, while the six tasks of a job on a pool of its
// name wait for a file, which it makes, and one of them goes on waiting:
// node page.mjs URL JOB FILE

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { isSound, open, paper, tabTo, withBrowser } from "./browser.mjs";

const [, , url, job, file] = process.argv;
const patience = { timeout: 60_000 };

await withBrowser(async (context) => {
  const page = await open(context, url);
  const row = page.locator(`#job-list tr[data-key="${job}"]`);
  await row.getByText(/running/).waitFor(patience);
  const pool = page.locator(`.pool[data-key="${job}"]`);
  await pool.getByRole("option", { name: /running, 1 of 1 slots taken/ }).first().waitFor(patience);
  await isSound(page, "running, light");

  await walkNodes(page, pool);
  await walkTasks(page);
  await isSound(page, "a task is open");
  const dark = await open(context, page.url(), { scheme: "dark" });
  await dark.locator("#output").waitFor(patience);
  assert.notEqual(await paper(dark), await paper(page));
  await isSound(dark, "dark");
  const narrow = await open(context, page.url(), { width: 360, height: 740 });
  await narrow.locator("#output").waitFor(patience);
  await isSound(narrow, "narrow");

  writeFileSync(file, "");
  await row.getByText(/4 succeeded · 1 failed · 1 running · of 6/).waitFor(patience);
  await page.locator("#task-pairs").getByText(/succeeded, exit code 0/).waitFor(patience);
  await page.locator("#output").getByText("second line").waitFor(patience);
  await failures(page);
  assert.match(await page.locator("#says").textContent(), /nodes; tasks: /);
  await isSound(page, "tasks have ended");
});

/** Tab reaches a pool's map, arrows move over its nodes, details follow. */
async function walkNodes(page, pool) {
  await tabTo(page, `.pool[data-key="${job}"] [role=option]`);
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  const first = await focused();
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await focused(), first, "ArrowRight moves to the next node");
  await pool.locator(".node").getByText("Recent tasks").waitFor(patience);
  await page.keyboard.press("Home");
  assert.equal(await focused(), first);
  assert.equal(await pool.locator("[tabindex='0']").count(), 1, "one stop for Tab");
}

/** Enter on a job opens its tasks, Enter on a task opens it, and the focus goes along. */
async function walkTasks(page) {
  await tabTo(page, `#job-list tr[data-key="${job}"] a`);
  await page.keyboard.press("Enter");
  await page.locator("#task-list tr").nth(5).waitFor(patience);
  assert.equal(await page.evaluate(() => document.activeElement.id), "tasks-title");
  await tabTo(page, "#task-list tr:has(.state-running) a");
  await page.keyboard.press("Enter");
  await page.locator("#output").getByText("first line").waitFor(patience);
  assert.equal(await page.evaluate(() => document.activeElement.id), "task-title");
}

/** The filter shows the task that failed, and the task the end of its stderr. */
async function failures(page) {
  await page.locator("#task-state").selectOption("failed");
  await page.locator("#task-list tr").nth(1).waitFor({ state: "detached", ...patience });
  await page.locator("#task-list a").click();
  await page.locator("#output-name").getByText("stderr.txt").waitFor(patience);
  await page.locator("#output").getByText("broken input").waitFor(patience);
}
