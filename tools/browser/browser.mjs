// Chromium, and what every page of durabatch's has to hold in it.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The program of that name. */
function onPath(name) {
  const found = process.env.PATH.split(delimiter).map((dir) => join(dir, name)).find(existsSync);
  assert.ok(found, `there is no ${name} on the PATH; make test installs it or says how to`);
  return found;
}

/** Runs use with a browser that has a directory of its own, and ends both. */
export async function withBrowser(use) {
  const profile = mkdtempSync(join(tmpdir(), "durabatch-browser-"));
  const options = {
    executablePath: onPath("chromium"), headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  };
  const context = await chromium.launchPersistentContext(profile, options);
  try {
    await use(context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/**
 * Opens url in a page that notes what is wrong with it: errors of its scripts
 * and requests to anywhere else.
 */
export async function open(context, url, { scheme = "light", width = 1100, height = 1200 } = {}) {
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && wrong.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("request", (request) => isElsewhere(request.url(), url) && wrong.push(`request: ${request.url()}`));
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(url);
  return Object.assign(page, { wrong });
}

const isElsewhere = (asked, url) =>
  !asked.startsWith("data:") && (url.startsWith("file:") ? asked !== url : new URL(asked).origin !== new URL(url).origin);

/** The page fits its window, is accessible, and nothing went wrong until now. */
export async function isSound(page, what) {
  const { scrollWidth, clientWidth } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { scrollWidth, clientWidth };
  });
  assert.ok(scrollWidth <= clientWidth, `${what}: it scrolls sideways, ${scrollWidth} > ${clientWidth}`);
  await page.evaluate(axe); // past the page's policy, which lets no such script in
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
  const grave = violations.filter((v) => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(grave.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html).join(" | ")}`), [], `${what}: accessibility`);
  assert.deepEqual(page.wrong, [], what);
}

/** Presses Tab until the focus is on what selector names. */
export async function tabTo(page, selector) {
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((s) => document.activeElement?.matches(s), selector)) return;
  }
  assert.fail(`Tab does not reach ${selector}`);
}

/** The colour behind the page. */
export const paper = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
