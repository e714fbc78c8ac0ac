// Small helpers for pages: elements, lists that keep their nodes, moments and values as text.

export const find = (id) => document.getElementById(id);

/** An element with a text and a class; children behind. */
export function make(name, text, kind, ...children) {
  const node = document.createElement(name);
  if (text !== undefined && text !== null) node.textContent = text;
  if (kind) node.className = kind;
  node.append(...children);
  return node;
}

/** Sets a text only where it is another: what has not changed is not laid out, nor read out, anew. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

let zone = localStorage.getItem("zone") || "utc";

export function choose(name) {
  zone = name;
  localStorage.setItem("zone", name);
}

export const chosen = () => zone;

/** A moment for people, in the zone that is chosen. */
export function clock(time) {
  if (time === null || time === undefined) return "–";
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return String(time);
  if (zone === "utc") return at.toISOString().replace("T", " ").replace(/\.000Z$/, "").replace(/Z$/, "");
  const two = (n) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** A value of a row as text. */
export function plain(value) {
  if (value === null || value === undefined) return "NULL";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `name=value` of all of an object. */
export const pairs = (object) => Object.entries(object).map(([name, value]) => `${name}=${plain(value)}`).join(", ");

/** Makes the children of a node those of a list; the node of a key stays, and so do its focus and what is open in it. */
export function keyed(parent, items, key, create, update) {
  const old = parent.nodes || new Map();
  const now = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const name = key(item);
    let node = old.get(name);
    if (!node) node = create(item);
    old.delete(name);
    now.set(name, node);
    update(node, item);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  for (const node of old.values()) node.remove();
  parent.nodes = now;
}

/** Takes all children of such a list away. */
export function empty(parent) {
  parent.replaceChildren();
  parent.nodes = undefined;
}

/** A table with a caption and a head, in a box that scrolls; `table.body` takes the rows. */
export function table(caption, columns, label) {
  const box = make("div", undefined, "scroll");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", label || caption);
  const node = make("table");
  box.caption = make("caption", caption);
  const line = make("tr");
  for (const [name, kind] of columns.map((one) => (Array.isArray(one) ? one : [one, ""]))) {
    const cell = make("th", name, kind);
    cell.scope = "col";
    line.append(cell);
  }
  box.body = make("tbody");
  box.heads = line.cells;
  node.append(box.caption, make("thead", undefined, "", line), box.body);
  box.append(node);
  return box;
}

/** Heads stand as what is below them: to the right above numbers. */
export function align(box) {
  const first = box.body.rows[0];
  if (first) [...box.heads].forEach((head, i) => (head.className = first.cells[i]?.className === "number" ? "number" : ""));
}

/** On a narrow screen the cells of such a table stand below each other, each with the name of its column. */
export function stack(box) {
  box.classList.add("stack");
  for (const row of box.body.rows) {
    [...row.cells].forEach((cell, i) => (cell.dataset.label = cell.colSpan > 1 ? "" : box.heads[i]?.textContent || ""));
  }
}

/** Makes a row have these cells: texts, or [text, class]. */
export function cells(row, list) {
  while (row.cells.length < list.length) row.append(make("td"));
  list.forEach((one, i) => {
    const [text, kind] = Array.isArray(one) ? one : [one, ""];
    const cell = row.cells[i];
    say(cell, text);
    if (cell.className !== kind) cell.className = kind;
    const title = text.length > 40 ? text : "";
    if (cell.title !== title) cell.title = title;
  });
}

/** A label with a control in it. */
export const labelled = (text, control) => make("label", `${text} `, "", control);

/** A select with these options. */
export function select(options, value) {
  const node = make("select");
  for (const one of options) {
    const [name, text] = Array.isArray(one) ? one : [one, one];
    node.append(new Option(text, name, false, name === value));
  }
  return node;
}

/** A word with a colour, and never the colour alone. */
export function badge(word) {
  const node = make("span", word.replace("_", " "), "badge");
  node.dataset.word = word;
  return node;
}
