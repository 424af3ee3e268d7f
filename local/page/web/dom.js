// What the page's parts need of the document, and how they write numbers.

export const byId = (id) => document.getElementById(id);

/** An element with properties and children; text among them is only text. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Sets text where it differs: what stays as it is, assistive technology leaves alone. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Makes the children of parent those of items, by key: children that stay are
 * kept, and with them the focus.
 */
export function list(parent, items, key, make, update) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    let child = before.get(id);
    before.delete(id);
    if (!child) {
      child = make(item);
      child.dataset.key = id;
    }
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
    update(child, item);
  }
  for (const gone of before.values()) gone.remove();
}

/** Rows of a definition list; a value is text or an element. */
export function pairs(target, rows) {
  const shown = rows.filter(([, value]) => value);
  list(target, shown, ([name]) => name, ([name]) => element("div", {}, element("dt", {}, name), element("dd")), (row, [, value]) => {
    const now = value instanceof Element ? value.outerHTML : value;
    if (row.dataset.now === now) return;
    row.dataset.now = now;
    row.lastChild.replaceChildren(value);
  });
}

const digits = new Intl.NumberFormat("en-US");
export const count = (n) => digits.format(n);

export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
}

export function span(from, to) {
  const seconds = Math.max(0, (new Date(to ?? Date.now()) - new Date(from)) / 1000);
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const part = (n) => String(Math.floor(n)).padStart(2, "0");
  return `${part(seconds / 3600)}:${part((seconds / 60) % 60)}:${part(seconds % 60)}`;
}

export const moment = (time) => (time ? new Date(time).toLocaleTimeString() : "");

/** The words of the terminal's view for the states of tasks. */
export const stateWord = (state) => (state === "active" ? "waiting" : state);

const patience = 5000; // ms

async function answer(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(patience) });
  if (response.ok) return response;
  const text = await response.text();
  let reason = text.trim();
  try {
    reason = JSON.parse(text).error;
  } catch {
    // It is text already.
  }
  throw Object.assign(new Error(reason), { status: response.status });
}

export const ask = async (path) => (await answer(path)).json();
export const read = async (path) => (await answer(path)).text();

/** A node's id without its long middle, which says nothing to people. */
export const short = (id) => (id.length > 24 ? `${id.slice(0, 14)}…${id.slice(-4)}` : id);

/** Nothing, for what is not there any more; other errors stay. */
export function unlessGone(error) {
  if (error.status !== 404) throw error;
}

/** A path of its parts, each escaped; those of the last one, a file's name, stay apart. */
export const pathOf = (...parts) => "/" + parts.map((part) => part.split("/").map(encodeURIComponent).join("/")).join("/");
