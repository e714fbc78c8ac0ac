// The page: which part of it is shown, what is asked once a second for all of it, and one loop that draws what has changed.

import { choose, chosen, clock, find, make, say } from "./dom.js";
import { ask, hasToken, login } from "./net.js";
import { span } from "./rows.js";
import { Overview } from "./overview.js";
import { Parts } from "./parts.js";
import { Patterns } from "./patterns.js";
import { Alerts } from "./alerts.js";
import { Graph } from "./graph.js";
import { Recommendations } from "./recommendations.js";
import { Rejects } from "./rejects.js";

const EVERY = 1000;
/** How long the loop rests where nobody points or types. */
const LOOK = 100;
/** After so long without an answer what is shown counts as old. */
const STALE = 5000;

/** Each page by the first word of the address behind `#/`; made when it is first shown. */
const PAGES = {
  overview: ["Overview", Overview],
  parts: ["Results", Parts],
  patterns: ["Patterns", Patterns],
  alerts: ["Alerts", Alerts],
  graph: ["Graph", Graph],
  recommendations: ["Recommendations", Recommendations],
  rejects: ["Rejects", Rejects],
};

const made = new Map();
let shown = null;
let answer = null;
let answered = 0;

// Which page.

function address() {
  const decode = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  const [word, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decode);
  return [Object.hasOwn(PAGES, word) ? word : "overview", rest];
}

function route(focus) {
  const [word, rest] = address();
  const [title, Page] = PAGES[word];
  if (!made.has(word)) {
    const root = make("section", undefined, "page");
    const head = make("h2", title);
    head.id = `title-${word}`;
    head.tabIndex = -1;
    root.setAttribute("aria-labelledby", head.id);
    root.append(head);
    find("main").append(root);
    made.set(word, { root, head, page: new Page(root) });
  }
  const next = made.get(word);
  if (shown && shown !== next) shown.page.leave?.();
  for (const { root } of made.values()) root.hidden = root !== next.root;
  shown = next;
  for (const link of find("pages").children) {
    if (link.dataset.page === word) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  shown.page.enter(rest);
  if (answer) shown.page.look(answer);
  name();
  if (focus) shown.head.focus();
}

function name() {
  const [word] = address();
  if (answer) document.title = `${PAGES[word][0]} · ${answer.name}`;
}

for (const [word, [title]] of Object.entries(PAGES)) {
  const link = make("a", title);
  link.href = `#/${word}`;
  link.dataset.page = word;
  find("pages").append(link);
}

// Once a second.

/** Shows the form for a token; true where one is needed. */
function refused(response) {
  const needed = response.status === 401 || response.status === 403;
  find("login").hidden = !needed;
  if (needed) say(find("refused"), hasToken() ? "The server does not take this token." : "");
  return needed;
}

function state(word, text) {
  find("state").dataset.state = word;
  say(find("state"), text);
}

async function look() {
  try {
    const response = await ask("/v1/pipeline", { signal: AbortSignal.timeout(STALE) });
    if (refused(response)) {
      state("away", "a token is needed");
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    answer = await response.json();
    answered = performance.now();
    say(find("name"), answer.name);
    name();
    state(answer.state, answer.state);
    position();
    shown.page.look(answer);
  } catch {
    state("away", "the server does not answer");
  } finally {
    fresh();
    setTimeout(look, EVERY);
  }
}

function position() {
  say(find("position"), answer?.position ? `complete up to ${clock(answer.position)} ${chosen() === "utc" ? "UTC" : ""}` : "");
}

/** Says plainly when what is shown is old. */
function fresh() {
  const age = performance.now() - answered;
  const old = answered > 0 && age > STALE;
  document.body.classList.toggle("stale", old);
  find("stale").hidden = !old;
  if (old) say(find("stale"), `What is shown is ${span(age / 1000)} old: the server does not answer. It is asked again every second.`);
}

// One loop for all: only what is shown, and only when it has changed. Rows need no more than some looks a second: a page that nothing
// happens on costs next to nothing. Whoever points or types is answered with the next frame.

let frames = 0;
let asked = false;
let later = 0;

function loop(now) {
  asked = false;
  frames += 1;
  document.documentElement.dataset.frames = String(frames);
  shown.page.draw?.(now);
  later = setTimeout(soon, LOOK);
}

function soon() {
  if (asked) return;
  asked = true;
  clearTimeout(later);
  requestAnimationFrame(loop);
}

for (const kind of ["pointermove", "pointerout", "blur", "keydown", "input", "change", "resize"]) {
  addEventListener(kind, soon, { capture: true, passive: true });
}

// Choices.

function theme() {
  const word = find("theme").value;
  const dark = word === "dark" || (word === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  shown?.page.restyle?.();
}

find("theme").value = localStorage.getItem("theme") || "auto";
find("theme").addEventListener("change", () => {
  localStorage.setItem("theme", find("theme").value);
  theme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
find("zone").value = chosen();
find("zone").addEventListener("change", () => {
  choose(find("zone").value);
  position();
  shown.page.restyle?.();
  if (answer) shown.page.look(answer);
});
find("login").addEventListener("submit", (event) => {
  event.preventDefault();
  login(find("token").value.trim());
  find("token").value = "";
});
addEventListener("hashchange", () => route(true));

theme();
route(false);
look();
soon();
