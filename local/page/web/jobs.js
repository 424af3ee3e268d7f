// Jobs with their tasks by state.

import { byId, count, element, list, say } from "./dom.js";
import { linkTo } from "./place.js";

const parts = ["succeeded", "failed", "running"]; // of the bar; the rest waits

export function showJobs(jobs) {
  list(byId("job-list"), newestFirst(jobs), (j) => j.id, makeJob, updateJob);
}

const newestFirst = (jobs) => [...jobs].sort((a, b) => new Date(b.created) - new Date(a.created));

function makeJob(job) {
  const bar = element("span", { className: "bar", "aria-hidden": "true" }, ...parts.map((name) => element("span", { className: name })));
  return element("tr", {},
    element("th", { scope: "row" }, linkTo(job.id), element("span", { className: "note" })),
    element("td", {}, bar, element("span", { className: "counts" })),
    element("td", { className: "number" }));
}

function updateJob(row, job) {
  const { active, running, succeeded, failed } = job.tasks;
  const total = active + running + succeeded + failed;
  const reason = job.reason && job.ended ? ` (${job.reason})` : "";
  say(row.querySelector(".note"), `${job.state}${reason}${job.pool && job.pool !== job.id ? ` on ${job.pool}` : ""}`);
  for (const name of parts) row.querySelector(`.bar .${name}`).style.width = `${total ? (100 * job.tasks[name]) / total : 0}%`;
  say(row.querySelector(".counts"), [
    `${count(succeeded)} succeeded`, failed && `${count(failed)} failed`, running && `${count(running)} running`,
    active && `${count(active)} waiting`, `of ${count(total)}`,
  ].filter(Boolean).join(" · "));
  say(row.lastChild, `${total ? Math.floor((100 * (succeeded + failed)) / total) : 0}%`);
}

/** The tasks of all jobs that are shown, by state. */
export function sum(jobs) {
  const all = { active: 0, running: 0, succeeded: 0, failed: 0 };
  for (const { tasks } of jobs) for (const name of Object.keys(all)) all[name] += tasks[name];
  return all;
}
