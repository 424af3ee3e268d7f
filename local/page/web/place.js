// What is open on the page is in its address: a reload and the back button keep it.

import { element } from "./dom.js";

export const address = (job, task) =>
  `#jobs/${encodeURIComponent(job)}${task === undefined ? "" : `/tasks/${encodeURIComponent(task)}`}`;

export const linkTo = (job, task) => element("a", { href: address(job, task) }, task ?? job);

/** The job and the task that the address names. */
export function place() {
  const [, job, , task] = location.hash.match(/^#jobs\/([^/]+)(\/tasks\/([^/]+))?$/) ?? [];
  return { job: job && decodeURIComponent(job), task: task && decodeURIComponent(task) };
}
