// The pipeline as a graph, with rates, state and queue sizes and event time on it; the same as a table below.

import { cells, clock, keyed, make, say, stack, table } from "./dom.js";
import { layout } from "./layout.js";
import { read, single } from "./net.js";
import { brief, short, span } from "./rows.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, HIGH, GAP, LINE] = [194, 74, 50, 18];

function svg(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** A number of bytes with its unit. */
const bytes = (n) => (n < 1e4 ? `${n} B` : `${short(n)}B`);

/** How much of a worker's time a node takes. */
const share = (busy) => (busy > 0 && busy < 0.001 ? "< 0.1 %" : `${(busy * 100).toFixed(busy < 0.1 ? 1 : 0)} %`);

/** What is said of a node: how fast, what it holds, how far it is, and what it costs. */
function facts(node) {
  const { counts = {}, rate, latency } = node;
  const busy = node.busy === null || node.busy === undefined ? "" : share(node.busy);
  const speed = rate ? `${short(rate.per_second)} ${rate.of}/s` : "";
  const held = [];
  if (counts.state_bytes) held.push(`${bytes(counts.state_bytes)} state`);
  if (counts.groups) held.push(`${short(counts.groups)} groups`);
  if (node.kind === "table") held.push(`${short(counts.rows || 0)} rows`);
  if (counts.firing || counts.pending) held.push(`${counts.firing || 0} firing`);
  if (node.kind === "sink") held.push(`${bytes(counts.backlog || 0)} wait`);
  if (latency) held.push(`p99 ${brief(latency.p99)}`);
  if (node.kind === "action") held.push(`${short(counts.sent || 0)} sent, ${short(counts.failed || 0)} failed`);
  const behind = node.behind_seconds === null || node.behind_seconds === undefined ? "" : `${span(node.behind_seconds)} behind`;
  return { speed, held: held.slice(0, 2).join(", "), behind, busy };
}

export class Graph {
  constructor(root) {
    this.said = make("p", "", "quiet");
    this.box = make("div", undefined, "scroll graph");
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "region");
    this.box.setAttribute("aria-label", "the graph of the pipeline; the same is in the table below");
    this.table = table("every part of the pipeline", ["part", "kind", ["rate", "number"], "holds", ["worker time", "number"], "event time", "what it does"], "parts of the graph");
    root.append(this.said, this.box, this.table);
    this.shape = "";
    this.ask = single(() => this.question());
    this.narrow = matchMedia("(max-width: 40rem)");
  }

  enter() {
    this.ask();
  }

  look() {
    this.ask();
  }

  async question() {
    const answer = await read("/v1/graph");
    if (!answer) return;
    say(this.said, answer.position ? `complete up to ${clock(answer.position)}` : "no events yet");
    const shape = JSON.stringify([this.narrow.matches, answer.nodes.map((node) => [node.id, node.about]), answer.edges]);
    if (shape !== this.shape) this.build(answer);
    this.shape = shape;
    for (const node of answer.nodes) {
      const { speed, held, behind, busy } = facts(node);
      const texts = this.texts.get(node.id);
      say(texts[0], [speed || node.kind, busy].filter(Boolean).join(", "));
      say(texts[1], node.kind === "source" ? behind : held);
    }
    keyed(this.table.body, answer.nodes, (node) => node.id, () => make("tr"), (line, node) => {
      const { speed, held, busy } = facts(node);
      cells(line, [node.name, node.kind, [speed || "–", "number"], held || "–", [busy || "–", "number"], [clock(node.position), "time"], [node.about || "–", "wrap code"]]);
    });
    stack(this.table, true);
  }

  build({ nodes, edges }) {
    const laid = layout(nodes, edges);
    const height = laid.rows * (HIGH + LINE) + LINE;
    const at = (place) => {
      // A short column stands in the middle; on a narrow screen, which shows one or two of them, where one looks first.
      const top = this.narrow.matches ? 0 : (height - place.of * (HIGH + LINE)) / 2;
      return [10 + place.column * (WIDE + GAP), top + place.row * (HIGH + LINE) + LINE / 2];
    };
    const width = laid.columns * (WIDE + GAP) - GAP + 20;
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    for (const way of laid.ways) {
      // Out of a node to the right, across each place between, into a node from the left.
      let path = "";
      let before = null;
      for (const place of way.map((i) => laid.places[i])) {
        const [x, y] = at(place);
        const middle = y + HIGH / 2;
        if (before) path += ` C${before[0] + GAP / 2},${before[1]} ${x - GAP / 2},${middle} ${x},${middle}`;
        else path = `M${x + WIDE},${middle}`;
        if (before && !place.node) path += ` L${x + WIDE},${middle}`;
        before = [x + WIDE, middle];
      }
      picture.append(svg("path", { class: "edge", d: path }));
    }
    this.texts = new Map();
    for (const place of laid.places.filter((one) => one.node)) {
      const { node } = place;
      const [x, y] = at(place);
      const text = (line, kind) => svg("text", { x: 10, y: 20 + line * 18, class: kind });
      const [name, speed, held] = [text(0, "name"), text(1, "speed"), text(2, "held")];
      name.textContent = cut(node.name, 24);
      const title = svg("title", {});
      title.textContent = `${node.kind} ${node.name}: ${node.about}`;
      const bar = svg("rect", { width: 4, height: HIGH, class: `bar ${node.kind}` });
      const group = svg("g", { transform: `translate(${x},${y})`, class: "node" }, svg("rect", { width: WIDE, height: HIGH, rx: 4, class: "box" }), bar, title, name, speed, held);
      picture.append(group);
      this.texts.set(node.id, [speed, held]);
    }
    this.box.replaceChildren(picture);
  }
}
