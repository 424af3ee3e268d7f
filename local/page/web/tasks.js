// The tasks of one job, a page at a time.

import { ask, byId, count, element, list, pathOf, say, short, span, stateWord, unlessGone } from "./dom.js";
import { linkTo, place } from "./place.js";

let shown = { job: "", state: "", after: "" };
let last = ""; // the last task of the page, if there are more

export function followTasks() {
  byId("task-filter").addEventListener("submit", (event) => {
    event.preventDefault();
    turn(byId("task-after").value.trim());
  });
  byId("task-state").addEventListener("change", () => turn(""));
  byId("first").addEventListener("click", () => turn(""));
  byId("next").addEventListener("click", () => last && turn(last));
}

function turn(after) {
  byId("task-after").value = after;
  shown = { ...shown, state: byId("task-state").value, after };
  refreshTasks().catch(() => {}); // the next round asks again
}

/** Asks for the page of tasks that is open, if one is. */
export async function refreshTasks() {
  const { job } = place();
  byId("tasks").hidden = !job;
  if (!job) return;
  if (job !== shown.job) {
    shown = { job, state: "", after: "" };
    byId("task-filter").reset();
  }
  const asked = shown;
  const query = new URLSearchParams({ state: asked.state, after: asked.after });
  const answer = await ask(`${pathOf("api/jobs", job, "tasks")}?${query}`).catch(unlessGone);
  if (asked !== shown) return; // something else was asked for meanwhile
  say(byId("tasks-title"), answer ? `Tasks of ${job}` : `The job ${job} is not there any more`);
  draw(job, answer ?? { tasks: [] });
}

function draw(job, { tasks, more }) {
  list(byId("task-list"), tasks, (t) => t.id, (t) => makeRow(job, t), updateRow);
  byId("no-tasks").hidden = tasks.length > 0;
  last = more ? tasks.at(-1).id : "";
  byId("next").setAttribute("aria-disabled", String(!more)); // disabled, it would lose the focus
  byId("first").setAttribute("aria-disabled", String(!shown.after));
}

function makeRow(job, task) {
  const cells = ["", "", "number", "number", "number"].map((className) => element("td", { className }));
  return element("tr", {}, element("th", { scope: "row" }, linkTo(job, task.id)), ...cells);
}

function updateRow(row, task) {
  row.firstChild.firstChild.href = linkTo(shown.job, task.id).href;
  const [, state, node, code, tries, took] = row.children;
  state.className = `state-${task.state}`;
  say(state, stateWord(task.state));
  node.title = task.node ?? "";
  say(node, short(task.node ?? ""));
  say(code, String(task.exitCode ?? ""));
  say(tries, task.started ? count(1 + (task.retries ?? 0) + (task.requeues ?? 0)) : "");
  say(took, task.started ? span(task.started, task.ended) : "");
}
