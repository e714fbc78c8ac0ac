// The page: figures are asked for once a second, rows come as they change, and one loop draws what has changed.

import { Events, Rate, Rows, group, short, span } from "./rows.js";
import { Chart, colours } from "./chart.js";

const EVERY = 1000;
/** After so long without an answer what is shown counts as old. */
const STALE = 5000;
const TABLE = 50;
const TOP = 8;

const find = (id) => document.getElementById(id);
const make = (name, text, kind) => {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (kind) node.className = kind;
  return node;
};

let token = sessionStorage.getItem("token") || "";
let answered = 0;
let following = null;
let zone = localStorage.getItem("zone") || "utc";
const parts = new Map();
const rates = { events: new Rate(), rows: new Rate() };

function clock(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return String(time);
  if (zone === "utc") return at.toISOString().replace("T", " ").replace(/\.000Z$/, "").replace(/Z$/, "");
  const two = (n) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function ask(path, more = {}) {
  const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...more.headers };
  return fetch(path, { ...more, headers, cache: "no-store" });
}

/** Shows the form for a token; true where one is needed. */
function refused(response) {
  const needed = response.status === 401 || response.status === 403;
  find("login").hidden = !needed;
  if (needed) find("refused").textContent = token ? "The server does not take this token." : "";
  return needed;
}

// Figures.

function figures(answer) {
  const sum = (list, name) => (list || []).reduce((n, one) => n + (one.counts[name] || 0), 0);
  const events = sum(answer.sources, "events");
  const rows = sum(answer.parts, "rows") + sum(answer.parts, "corrections");
  const now = performance.now();
  const rejected = (answer.sources || []).reduce((n, one) => n + Object.values(one.counts.rejected || {}).reduce((a, b) => a + b, 0), 0);
  const lag = answer.position && answer.state === "running" ? (Date.now() - Date.parse(answer.position)) / 1000 : null;
  const list = [
    ["events a second", short(rates.events.update(events, now))],
    ["events", events.toLocaleString("en")],
    ["rows a second", short(rates.rows.update(rows, now))],
    ["rows and corrections", rows.toLocaleString("en")],
    ["corrections", sum(answer.parts, "corrections").toLocaleString("en")],
    ["behind the clock", span(lag)],
    ["late", sum(answer.parts, "late").toLocaleString("en")],
    ["too late", sum(answer.parts, "too_late").toLocaleString("en"), sum(answer.parts, "too_late") > 0],
    ["rejected", rejected.toLocaleString("en"), rejected > 0],
    ["state, bytes", short(sum(answer.parts, "state_bytes"))],
  ];
  for (const [name, text, bad] of list) {
    const id = `figure-${name.replace(/\W+/g, "-")}`;
    let value = find(id);
    if (!value) {
      const box = make("div");
      value = make("dd");
      value.id = id;
      box.append(make("dt", name), value);
      find("figures").append(box);
    }
    if (value.textContent !== text) value.textContent = text;
    value.className = bad ? "bad" : "";
  }
}

async function look() {
  try {
    const response = await ask("/v1/pipeline", { signal: AbortSignal.timeout(STALE) });
    if (refused(response)) {
      state("away", "a token is needed");
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    answered = performance.now();
    document.title = find("name").textContent = answer.name;
    state(answer.state, answer.state);
    find("position").textContent = answer.position ? `complete up to ${clock(answer.position)}` : "";
    figures(answer);
    for (const part of answer.parts) if (!parts.has(part.name)) parts.set(part.name, new Part(part));
    if (!following && parts.size) following = follow();
  } catch {
    state("away", "the server does not answer");
  } finally {
    fresh();
    setTimeout(look, EVERY);
  }
}

function state(word, text) {
  const node = find("state");
  node.dataset.state = word;
  if (node.textContent !== text) node.textContent = text;
}

/** Says plainly when what is shown is old. */
function fresh() {
  const age = performance.now() - answered;
  const old = answered > 0 && age > STALE;
  document.body.classList.toggle("stale", old);
  find("stale").hidden = !old;
  if (old) find("stale").textContent = `What is shown is ${span(age / 1000)} old: the server does not answer. It is asked again every second.`;
}

// Rows.

let cursor = null;

async function follow() {
  let wait = 500;
  for (;;) {
    try {
      const response = await ask("/v1/events?snapshot=10000", cursor ? { headers: { "Last-Event-ID": cursor } } : {});
      if (!response.ok) throw new Error(String(response.status));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const events = new Events();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        wait = 500;
        for (const message of events.take(value)) take(message);
      }
    } catch {
      // The next try says more.
    }
    await new Promise((next) => setTimeout(next, wait));
    wait = Math.min(wait * 2, 10000);
  }
}

let begun = false;

function take(message) {
  cursor = message.cursor;
  if (message.type === "gap") begun = false;
  if (message.type === "snapshot") {
    // What was missed is in none of the rows that are here.
    if (!begun) for (const part of parts.values()) part.rows.clear();
    begun = message.more;
    for (const row of message.rows) parts.get(row.name)?.rows.take(row);
  }
  if (message.type === "changes") for (const row of message.changes) parts.get(row.name)?.rows.take(row);
}

// Parts.

class Part {
  constructor(about) {
    this.about = about;
    this.rows = new Rows(about);
    this.section = make("section", undefined, "part");
    const title = make("h2", about.name);
    title.id = `part-${about.name}`;
    this.section.setAttribute("aria-labelledby", title.id);
    const controls = make("div", undefined, "controls");
    this.search = make("input");
    this.search.type = "search";
    this.search.placeholder = about.dimensions.join(", ");
    this.search.addEventListener("input", () => (this.rows.dirty = true));
    const searching = make("label", "groups ");
    searching.append(this.search);
    this.metric = make("select");
    this.metric.addEventListener("change", () => (this.rows.dirty = true));
    const choosing = make("label", "value ");
    choosing.append(this.metric);
    this.note = make("span");
    controls.append(searching, choosing, this.note);
    const canvas = make("canvas");
    this.legend = make("ul", undefined, "legend");
    this.chart = new Chart(canvas, clock);
    const drawn = about.kind === "window";
    canvas.hidden = choosing.hidden = this.legend.hidden = !drawn;
    if (!drawn) canvas.style.display = choosing.style.display = "none";
    const scroll = make("div", undefined, "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", `newest rows of ${about.name}`);
    const table = make("table");
    this.caption = make("caption");
    const head = make("thead");
    const line = make("tr");
    this.columns = [...about.times, ...about.dimensions, ...about.values, "revision"];
    for (const name of this.columns) {
      const cell = make("th", name);
      cell.scope = "col";
      line.append(cell);
    }
    head.append(line);
    this.body = make("tbody");
    table.append(this.caption, head, this.body);
    scroll.append(table);
    this.section.append(title, controls, canvas, this.legend, scroll);
    find("parts").append(this.section);
  }

  update() {
    this.rows.dirty = false;
    const search = this.search.value;
    const numbers = this.rows.numbers();
    if (this.metric.options.length !== numbers.length) {
      const chosen = this.metric.value;
      this.metric.replaceChildren(...numbers.map((name) => new Option(name, name, false, name === chosen)));
    }
    if (this.about.kind === "window") {
      const { shown, groups } = this.rows.series(this.metric.value, search, TOP);
      this.chart.set(shown, this.metric.value || "");
      this.note.textContent = groups > TOP ? `the ${TOP} largest of ${groups} groups` : "";
      const all = colours();
      this.legend.replaceChildren(
        ...shown.map((one, i) => {
          const item = make("li");
          const box = make("span");
          box.style.background = all[i % all.length];
          item.append(box, one.name);
          return item;
        }),
      );
    }
    const newest = this.rows.newest(search, TABLE);
    this.caption.textContent = `the newest ${newest.length} of ${this.rows.rows.size} rows here; corrected ones are marked`;
    this.body.replaceChildren(...newest.map((row) => this.line(row)));
  }

  line(row) {
    const line = make("tr", undefined, row.revision > 0 ? "corrected" : "");
    for (const name of this.columns) {
      const value = row[name];
      const isTime = this.about.times.includes(name);
      const text = isTime ? clock(value) : value === null || value === undefined ? "NULL" : typeof value === "object" ? JSON.stringify(value) : String(value);
      const cell = make("td", text, typeof value === "number" ? "number" : "");
      if (text.length > 40) cell.title = text;
      line.append(cell);
    }
    return line;
  }
}

// One loop for all: tables and series at most four times a second, charts when something moved.

let drawn = 0;

function loop(now) {
  requestAnimationFrame(loop);
  if (now - drawn > 250) {
    drawn = now;
    for (const part of parts.values()) if (part.rows.dirty) part.update();
  }
  for (const part of parts.values()) if (part.chart.dirty) part.chart.draw();
}

// Choices.

function theme() {
  const chosen = find("theme").value;
  const dark = chosen === "dark" || (chosen === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  for (const part of parts.values()) part.rows.dirty = true;
}

find("theme").value = localStorage.getItem("theme") || "auto";
find("theme").addEventListener("change", () => {
  localStorage.setItem("theme", find("theme").value);
  theme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
find("zone").value = zone;
find("zone").addEventListener("change", () => {
  zone = find("zone").value;
  localStorage.setItem("zone", zone);
  for (const part of parts.values()) part.rows.dirty = true;
});
find("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = find("token").value.trim();
  sessionStorage.setItem("token", token);
  find("token").value = "";
});

theme();
look();
requestAnimationFrame(loop);
