// Pools as maps of their nodes.

import { ask, byId, count, element, list, moment, pairs, pathOf, say, stateWord, unlessGone } from "./dom.js";
import { linkTo } from "./place.js";

// What a node looks like, by its state: a sign and a shape besides the colour.
const kinds = {
  idle: ["·", "idle"], running: ["", "running"],
  creating: ["…", "starting"], starting: ["…", "starting"], waitingforstarttask: ["s", "starting"],
  rebooting: ["…", "starting"], reimaging: ["…", "starting"], upgradingos: ["…", "starting"],
  starttaskfailed: ["!", "broken"], unusable: ["!", "broken"], unknown: ["?", "broken"], offline: ["!", "broken"],
  preempted: ["×", "leaving"], leavingpool: ["×", "leaving"], deallocating: ["×", "leaving"], deallocated: ["×", "leaving"],
};
const kindOf = (node) => kinds[node.state] ?? ["?", "broken"];
const signOf = (node) => (node.tasks ? count(node.tasks) : kindOf(node)[0]);

function classOf(node, pool) {
  if (!node.slots || kindOf(node)[1] !== "running") return `cell ${kindOf(node)[1]}`;
  return `cell running load${Math.min(5, Math.max(1, Math.ceil((5 * node.slots) / pool.slotsPerNode)))}`;
}

const describe = (node, pool) =>
  `${node.id}: ${node.state}, ${node.slots} of ${pool.slotsPerNode} slots taken${node.scheduling ? `, scheduling ${node.scheduling}` : ""}`;

const chosen = new Map(); // pool id -> id of the node whose details are shown
const latest = new Map(); // pool id -> { pool, nodes }

export function showPools(pools) {
  list(byId("pool-list"), pools, (p) => p.id, makePool, updatePool);
  for (const id of [...latest.keys()]) {
    if (!pools.some((p) => p.id === id)) latest.delete(id), chosen.delete(id);
  }
}

function makePool(pool) {
  const map = element("div", { className: "map", role: "listbox", "aria-label": `Nodes of pool ${pool.id}` });
  map.addEventListener("keydown", (event) => move(event, map, pool.id));
  map.addEventListener("focusin", (event) => choose(map, pool.id, event.target.dataset.key));
  map.addEventListener("click", (event) => event.target.dataset.key && event.target.focus());
  return element("div", { className: "pool" },
    element("h3", {}, pool.id), element("p", { className: "note facts" }), element("p", { className: "error", hidden: true }),
    element("ul", { className: "legend" }), map,
    element("p", { className: "note cut", hidden: true }, "There are more nodes than this map shows."),
    element("div", { className: "node", hidden: true }, element("strong"), element("dl", { className: "pairs" })));
}

function updatePool(target, pool) {
  latest.set(pool.id, { nodes: [], ...latest.get(pool.id), pool });
  const has = pool.dedicated + pool.spot;
  const slots = `${pool.slotsPerNode} ${pool.slotsPerNode === 1 ? "slot" : "slots"} a node`;
  say(target.querySelector(".facts"), `${pool.state}, ${pool.allocationState} · ${count(has)} of ${count(pool.target)} nodes` +
    `${pool.spot ? ` (${count(pool.spot)} spot)` : ""} · ${pool.vmSize} · ${slots}`);
  const errors = target.querySelector(".error");
  errors.hidden = !pool.errors;
  say(errors, (pool.errors ?? []).map((e) => `${e.code}: ${e.message}`).join(" "));
}

/** Asks for the nodes of every pool, and for the details that are open. */
export async function refreshNodes() {
  await Promise.all([...latest.values()].map(async ({ pool }) => {
    const answer = await ask(pathOf("api/pools", pool.id, "nodes")).catch(unlessGone);
    const target = [...byId("pool-list").children].find((child) => child.dataset.key === pool.id);
    if (!answer || !target) return;
    latest.set(pool.id, { pool, nodes: answer.nodes });
    drawMap(target, pool, answer.nodes);
    target.querySelector(".cut").hidden = !answer.more;
    await showNode(target, pool.id);
  }));
}

function drawMap(target, pool, nodes) {
  const map = target.querySelector(".map");
  map.hidden = nodes.length === 0;
  map.classList.toggle("many", nodes.length > 100);
  list(map, nodes, (n) => n.id,
    () => element("div", { role: "option", tabIndex: -1, "aria-selected": "false" }),
    (cell, node) => {
      const looks = [classOf(node, pool), describe(node, pool), signOf(node)];
      if (cell.dataset.looks === looks.join()) return;
      cell.dataset.looks = looks.join();
      [cell.className, cell.title] = looks;
      cell.setAttribute("aria-label", looks[1]);
      cell.textContent = looks[2];
    });
  if (map.firstElementChild && !map.querySelector("[tabindex='0']")) map.firstElementChild.tabIndex = 0;
  drawLegend(target.querySelector(".legend"), nodes);
}

function drawLegend(target, nodes) {
  const states = new Map();
  for (const n of nodes) states.set(n.state, [...(states.get(n.state) ?? []), n]);
  list(target, [...states].sort(), ([state]) => state,
    ([state, [first]]) => element("li", {},
      element("span", { className: state === "running" ? "cell running load4" : `cell ${kindOf(first)[1]}`, "aria-hidden": "true" },
        state === "running" ? "n" : kindOf(first)[0]), element("span")),
    (item, [state, { length }]) => say(item.lastChild, `${count(length)} ${state}${state === "running" ? " (the number: its tasks)" : ""}`));
}

function move(event, map, pool) {
  const cells = [...map.children];
  const from = cells.indexOf(document.activeElement);
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: rowLength(cells), ArrowUp: -rowLength(cells) };
  let to = from + (steps[event.key] ?? 0);
  if (event.key === "Home") to = 0;
  else if (event.key === "End") to = cells.length - 1;
  else if (event.key === "Escape") return close(map, pool);
  else if (!(event.key in steps)) return undefined;
  event.preventDefault();
  cells[Math.min(cells.length - 1, Math.max(0, to))]?.focus();
  return undefined;
}

/** How many cells are in a row of the map as it is laid out now. */
const rowLength = (cells) => Math.max(1, cells.findIndex((cell) => cell.offsetTop !== cells[0].offsetTop));

function close(map, pool) {
  chosen.delete(pool);
  map.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
  map.parentElement.querySelector(".node").hidden = true;
}

function choose(map, pool, node) {
  if (!node || chosen.get(pool) === node) return;
  chosen.set(pool, node);
  for (const cell of map.querySelectorAll("[tabindex='0'], [aria-selected=true]")) {
    cell.tabIndex = -1;
    cell.setAttribute("aria-selected", "false");
  }
  const cell = [...map.children].find((child) => child.dataset.key === node);
  cell.tabIndex = 0;
  cell.setAttribute("aria-selected", "true");
  showNode(map.parentElement, pool).catch(() => {}); // the next round asks again
}

async function showNode(target, poolId) {
  const id = chosen.get(poolId);
  const panel = target.querySelector(".node");
  const { pool, nodes } = latest.get(poolId) ?? { nodes: [] };
  const node = nodes.find((n) => n.id === id);
  panel.hidden = !node;
  if (!node) return;
  say(panel.firstChild, describe(node, pool));
  const details = await ask(pathOf("api/pools", poolId, "nodes", id)).catch(unlessGone);
  if (details && chosen.get(poolId) === id) pairs(panel.lastChild, rowsOf(details, poolId));
}

function rowsOf(node, pool) {
  const file = (name) => element("a", { href: pathOf("files/pools", pool, "nodes", node.id, name), target: "_blank", rel: "noopener" }, name);
  const start = node.startTask;
  const code = start?.exitCode === undefined ? "" : `, exit code ${start.exitCode}`;
  return [
    ["Kind", node.spot ? "spot" : "dedicated"],
    ["Since", moment(node.since)],
    ["Tasks run", `${count(node.run)}, of which ${count(node.succeeded)} succeeded`],
    ["Errors", (node.errors ?? []).map((e) => `${e.code}: ${e.message}`).join(" ")],
    ["Start task", start && element("span", {}, `${start.state}${start.result ? `, ${start.result}` : ""}${code} `, file("startup/stdout.txt"), " ", file("startup/stderr.txt"))],
    ["Recent tasks", node.recent.length ? element("span", {}, ...node.recent.flatMap((t, i) => [i ? ", " : "", linkTo(t.job, t.task), ` ${stateWord(t.state)}`])) : "none"],
  ];
}
