// The page: it asks each second what runs, while somebody looks at it.

import { ask, byId, count, say } from "./dom.js";
import { showJobs, sum } from "./jobs.js";
import { place } from "./place.js";
import { refreshNodes, showPools } from "./pools.js";
import { refreshTask } from "./task.js";
import { followTasks, refreshTasks } from "./tasks.js";

const pause = 1000; // ms between a round and the next
const quiet = 10000; // ms between two announcements to a screen reader

let timer;
let announced = { text: "", at: 0 };

async function round() {
  clearTimeout(timer);
  try {
    const now = await ask("/api/overview");
    show(now);
    await Promise.all([refreshNodes(), refreshTasks(), refreshTask()]);
    pulse("live", `Live, as of ${new Date().toLocaleTimeString()}`);
  } catch (error) {
    pulse("lost", `Not live: ${error.message || error.name}. It asks on.`);
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(round, pause);
}

function pulse(state, text) {
  byId("pulse").dataset.state = state;
  say(byId("pulse"), text);
  if (state === "lost") announce("The Batch service does not answer.");
}

function show(now) {
  const nothing = now.pools.length === 0 && now.jobs.length === 0;
  byId("empty").hidden = !nothing;
  say(byId("empty-command"), `${now.envFile ? `. ${now.envFile}\n` : ""}bin/starter run examples/ffmpeg/workload.yaml`);
  byId("figures").hidden = nothing;
  byId("pools").hidden = now.pools.length === 0;
  byId("jobs").hidden = now.jobs.length === 0;
  byId("more-pools").hidden = !now.morePools;
  byId("more-jobs").hidden = !now.moreJobs;
  if (now.temporalUI) {
    byId("temporal").href = now.temporalUI;
    byId("temporal").hidden = false;
  }
  showPools(now.pools);
  showJobs(now.jobs);
  figures(now);
}

function figures(now) {
  const nodes = now.pools.reduce((n, p) => n + p.dedicated + p.spot, 0);
  const tasks = sum(now.jobs);
  say(byId("count-nodes"), count(nodes));
  for (const [name, n] of Object.entries(tasks)) say(byId(`count-${name}`), count(n));
  announce(`${count(nodes)} nodes; tasks: ${count(tasks.running)} running, ${count(tasks.active)} waiting, ` +
    `${count(tasks.succeeded)} succeeded, ${count(tasks.failed)} failed.`);
}

/** Tells a screen reader what changed, and not again for a while. */
function announce(text) {
  if (text === announced.text || Date.now() - announced.at < quiet) return;
  announced = { text, at: Date.now() };
  say(byId("says"), text);
}

addEventListener("hashchange", async () => {
  await round();
  const { job, task } = place();
  if (job) byId(task ? "task-title" : "tasks-title").focus(); // where what was opened begins
});
document.addEventListener("visibilitychange", () => document.hidden || round());
followTasks();
round();
