// One task, and the end of one of its files.

import { ask, byId, element, list, moment, pairs, pathOf, read, say, size, span, stateWord, unlessGone } from "./dom.js";
import { address, place } from "./place.js";

const tail = 32768; // bytes
let open = ""; // job and task
let output = ""; // name of the file whose end is shown

/** Asks for the task that is open, if one is. */
export async function refreshTask() {
  const { job, task } = place();
  byId("task").hidden = !task;
  if (!task) {
    open = "";
    return;
  }
  if (open !== `${job} ${task}`) {
    open = `${job} ${task}`;
    output = "";
    byId("task-output").hidden = true;
  }
  const asked = open;
  const details = await ask(pathOf("api/jobs", job, "tasks", task)).catch(unlessGone);
  if (asked !== open) return;
  byId("task-close").href = address(job);
  say(byId("task-title"), details ? `Task ${task}` : `The task ${task} is not there any more`);
  if (details) await draw(job, details);
}

async function draw(job, task) {
  pairs(byId("task-pairs"), [
    ["State", stateWord(task.state) + (task.exitCode === undefined ? "" : `, exit code ${task.exitCode}`)],
    ["Name", task.name],
    ["Failure", task.failure && `${task.failure.code}: ${task.failure.message}`],
    ["Node", task.node],
    ["Started", moment(task.started)],
    ["Took", task.ended && span(task.started, task.ended)],
    ["Retries", task.retries && String(task.retries)],
    ["Requeues", task.requeues && String(task.requeues)],
  ]);
  say(byId("task-command"), task.command);
  const path = (name) => pathOf("files/jobs", job, "tasks", task.id, name);
  list(byId("task-files"), task.files, (f) => f.name, (f) => makeFile(f, path), updateFile);
  byId("no-files").hidden = task.files.length > 0;
  byId("more-files").hidden = !task.moreFiles;
  output ||= task.files.find((f) => f.name === (task.state === "failed" ? "stderr.txt" : "stdout.txt"))?.name ?? "";
  await showEnd(path);
}

function makeFile(file, path) {
  const show = /\.(txt|log|json|csv)$/.test(file.name)
    ? element("button", { type: "button", "aria-label": `Show its end: ${file.name}` }, "Show its end") : "";
  if (show) {
    show.addEventListener("click", () => {
      output = file.name;
      showEnd(path).catch(() => {}); // the next round asks again
    });
  }
  return element("li", {}, element("a", { href: path(file.name), target: "_blank", rel: "noopener" }, file.name),
    element("span", { className: "note" }), " ", show);
}

function updateFile(item, file) {
  say(item.querySelector(".note"), size(file.size));
}

async function showEnd(path) {
  byId("task-output").hidden = !output;
  if (!output) return;
  const name = output;
  const text = await read(`${path(name)}?tail=${tail}`).catch(unlessGone);
  if (name !== output) return;
  const pre = byId("output");
  const atEnd = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 8;
  say(byId("output-name"), name);
  say(pre, text || "(empty)");
  if (atEnd) pre.scrollTop = pre.scrollHeight;
}
