// Checks a run's report as people see it: node report.mjs FILE

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isSound, open, paper, tabTo, withBrowser } from "./browser.mjs";

const file = resolve(process.argv[2]);
const url = pathToFileURL(file).href;
const most = { bytes: 5_000_000, ms: 2000 };

await withBrowser(async (context) => {
  assert.ok(statSync(file).size < most.bytes, `the report has ${statSync(file).size} bytes`);
  const light = await open(context, url);
  await opensFast(light);
  await isSound(light, "light");
  await keyboard(light);

  const dark = await open(context, url, { scheme: "dark" });
  assert.notEqual(await paper(dark), await paper(light), "the dark page is as bright as the light one");
  await isSound(dark, "dark");
  await isSound(await open(context, url, { width: 360, height: 740 }), "narrow");
});

/** The best of three: the machine has other work. */
async function opensFast(page) {
  let best = Infinity;
  for (let n = 0; n < 3; n++) {
    await page.reload({ waitUntil: "load" });
    best = Math.min(best, await page.evaluate(() => new Promise((drawn) => {
      requestAnimationFrame(() => requestAnimationFrame(() => drawn(performance.now())));
    })));
  }
  console.log(`${statSync(file).size} bytes, drawn within ${Math.round(best)} ms`);
  assert.ok(best < most.ms, `it takes ${best} ms to open`);
}

/** Every part that can be opened is reached with Tab and opened with Enter. */
async function keyboard(page) {
  const closed = await page.locator("details:not([open])").count();
  assert.ok(closed > 0, "there is nothing to open");
  await tabTo(page, "details:not([open]) > summary");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("details:not([open])").count(), closed - 1, "Enter does not open it");
}
