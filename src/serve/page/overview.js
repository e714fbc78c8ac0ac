// The overview: rates, event time, what is late or rejected, alerts now, and every part in a line.

import { badge, cells, find, keyed, make, pairs, say, stack, table } from "./dom.js";
import { read, single } from "./net.js";
import { Rate, brief, short, span } from "./rows.js";
import { Spark } from "./small.js";

const sum = (list, name) => (list || []).reduce((n, one) => n + (one.counts[name] || 0), 0);
const whole = (n) => n.toLocaleString("en");

export class Overview {
  constructor(root) {
    this.rates = { events: new Rate(), rows: new Rate() };
    this.sparks = {};
    this.figures = make("dl", undefined, "figures");
    this.figures.id = "figures";
    const alerts = make("section");
    alerts.append(make("h3", "Alerts now"));
    this.said = make("p", "", "quiet");
    this.said.setAttribute("role", "status");
    this.alerts = make("ul", undefined, "alerts");
    alerts.append(this.said, this.alerts);
    const parts = make("section");
    parts.append(make("h3", "Parts"));
    const number = (name) => [name, "number"];
    this.parts = table("what each part has stated and holds", ["part", "kind", number("rows"), number("corrections"), number("late"), number("too late"), number("groups"), number("state, bytes")], "parts");
    parts.append(this.parts);
    root.append(this.figures, alerts, parts);
    this.firing = single(() => this.ask());
  }

  enter() {}

  look(answer) {
    const now = performance.now();
    const events = sum(answer.sources, "events");
    const rows = sum(answer.parts, "rows") + sum(answer.parts, "corrections");
    const rejected = (answer.sources || []).reduce((n, one) => n + Object.values(one.counts.rejected || {}).reduce((a, b) => a + b, 0), 0);
    const lag = answer.position && answer.state === "running" ? (Date.now() - Date.parse(answer.position)) / 1000 : null;
    const [eventRate, rowRate] = [this.rates.events.update(events, now), this.rates.rows.update(rows, now)];
    this.figure("events a second", short(eventRate), { series: eventRate });
    this.figure("rows a second", short(rowRate), { series: rowRate });
    this.figure("behind the clock", span(lag));
    const late = (answer.sinks || []).map((one) => one.latency).filter(Boolean);
    const worst = (name) => (late.length ? brief(Math.max(...late.map((one) => one[name]))) : "–");
    this.figure("latency, half under", worst("p50"));
    this.figure("latency, 99 % under", worst("p99"));
    this.figure("backlog, bytes", short(sum(answer.sinks, "backlog")));
    this.figure("events", whole(events));
    this.figure("rows and corrections", whole(rows));
    this.figure("corrections", whole(sum(answer.parts, "corrections")));
    this.figure("late", whole(sum(answer.parts, "late")));
    this.figure("too late", whole(sum(answer.parts, "too_late")), { bad: sum(answer.parts, "too_late") > 0 });
    this.figure("rejected", whole(rejected), { bad: rejected > 0, href: "#/rejects" });
    this.figure("state, bytes", short(sum(answer.parts, "state_bytes")));
    this.lines(answer.parts);
    this.firing();
  }

  figure(name, text, { series, bad, href } = {}) {
    const id = `figure-${name.replace(/\W+/g, "-")}`;
    let value = find(id);
    if (!value) {
      const box = make("div");
      value = make("dd");
      value.id = id;
      const title = make("dt");
      if (href) {
        const link = make("a", name);
        link.href = href;
        title.append(link);
      } else title.textContent = name;
      box.append(title, value);
      if (series !== undefined) {
        const canvas = make("canvas", undefined, "spark");
        box.append(canvas);
        this.sparks[name] = new Spark(canvas, `${name} in the last two minutes`);
      }
      this.figures.append(box);
    }
    say(value, text);
    value.className = bad ? "bad" : "";
    if (this.sparks[name] && series !== null) this.sparks[name].add(series);
  }

  lines(parts) {
    const address = (part) => (part.kind === "alert" ? "#/alerts" : part.kind === "pattern" ? `#/patterns/${encodeURIComponent(part.name)}` : `#/parts/${encodeURIComponent(part.name)}`);
    const create = (part) => {
      const line = make("tr");
      const link = make("a", part.name);
      link.href = address(part);
      line.link = make("td", undefined, "", link);
      return line;
    };
    const count = (part, name) => [whole(part.counts[name] || 0), "number"];
    keyed(this.parts.body, parts, (part) => part.name, create, (line, part) => {
      cells(line, [line.link, part.kind, count(part, "rows"), count(part, "corrections"), count(part, "late"), count(part, "too_late"), count(part, "groups"), [short(part.counts.state_bytes || 0), "number"]]);
    });
    stack(this.parts, true);
  }

  async ask() {
    const answer = await read("/v1/alerts?limit=8");
    if (!answer) return;
    const count = (name) => answer.rules.reduce((n, rule) => n + rule.now[name], 0);
    const words = [["firing", "firing"], ["no_data", "without data"], ["pending", "pending"]];
    const told = words.map(([name, word]) => [count(name), word]).filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`);
    const shown = answer.more ? `; ${answer.alerts.length} of them:` : "";
    say(this.said, answer.rules.length ? (told.join(", ") || "nothing fires") + shown : "this pipeline has no alerts");
    const create = (alert) => {
      const item = make("li");
      const link = make("a", alert.summary || alert.rule);
      link.href = `#/alerts/${alert.id}`;
      item.badge = badge(alert.state);
      item.muted = make("span", "", "quiet");
      item.append(item.badge, " ", link, " ", make("span", pairs(alert.group), "quiet"), " ", item.muted);
      return item;
    };
    keyed(this.alerts, answer.alerts, (alert) => alert.id, create, (item, alert) => {
      say(item.muted, alert.earlier_run ? "as an earlier run left it" : alert.silenced ? "silenced" : "");
      if (item.badge.dataset.word === alert.state) return;
      const next = badge(alert.state);
      item.badge.replaceWith(next);
      item.badge = next;
    });
  }

  restyle() {
    for (const spark of Object.values(this.sparks)) spark.dirty = true;
  }

  draw() {
    for (const spark of Object.values(this.sparks)) if (spark.dirty) spark.draw();
  }
}
