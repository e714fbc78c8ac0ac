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

/** A value of a row as a cell: a number that has no end is cut, as far as people read it. */
export function shown(value) {
  if (typeof value !== "number") return [plain(value), ""];
  return [Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(7))), "number"];
}

/** `name=value` of all of an object. */
export const pairs = (object) => Object.entries(object).map(([name, value]) => `${name}=${plain(value)}`).join(", ");

/** Makes the children of a node those of a list; the node of a key stays, and so do its focus and what is open in it. */
export function keyed(parent, items, key, create, update) {
  const old = parent.nodes || new Map();
  const now = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    let name = key(item);
    // Two of the same name: the node of the first would be forgotten, and stay for ever.
    while (now.has(name)) name = `${name} again`;
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

/** On a narrow screen the cells of such a table stand below each other, each with the name of its column; `dense`: two in a line. */
export function stack(box, dense) {
  box.classList.add("stack");
  box.classList.toggle("dense", Boolean(dense));
  const names = [...box.heads].map((head) => head.textContent);
  // What is no longer laid out as a table is still read out as one.
  const role = (node, word) => node.getAttribute("role") === word || node.setAttribute("role", word);
  role(box.body.parentNode, "table");
  role(box.body, "rowgroup");
  for (const row of box.body.rows) {
    role(row, "row");
    [...row.cells].forEach((cell, i) => {
      role(cell, "cell");
      const name = cell.colSpan > 1 ? "" : names[i] || "";
      if (cell.dataset.label !== name) cell.dataset.label = name;
    });
  }
}

/** Makes a row have these cells: texts, [text, class], or cells of its own, which stay where they are. */
export function cells(row, list) {
  const old = [...row.cells];
  list.forEach((one, i) => {
    if (one instanceof Node) {
      if (old[i] === one) return;
      row.insertBefore(one, old[i] || null);
      old.splice(i, 0, one);
      return;
    }
    const [text, kind] = Array.isArray(one) ? one : [one, ""];
    if (!old[i]) row.append((old[i] = make("td")));
    const cell = old[i];
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
