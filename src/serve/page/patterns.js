// Matches of one pattern as they come; an opened match shows its events in order.

import { cells, clock, empty, keyed, labelled, make, pairs, plain, say, select, stack, table } from "./dom.js";
import { Follow } from "./net.js";
import { Rows, identity } from "./rows.js";

const TABLE = 50;
/** Fewer than of other parts: a match carries its events. */
const MOST = 5000;
const OWN = ["events", "timed_out"];

export class Patterns {
  constructor(root) {
    this.choice = select([]);
    this.choice.addEventListener("change", () => (location.hash = `#/patterns/${encodeURIComponent(this.choice.value)}`));
    this.which = select([["all", "all"], ["false", "whole"], ["true", "timed out"]], "all");
    this.search = make("input");
    this.search.type = "search";
    for (const one of [this.which, this.search]) one.addEventListener("input", () => this.rows && (this.rows.dirty = true));
    this.bar = make("div", undefined, "controls");
    this.bar.append(labelled("pattern", this.choice), labelled("key", this.search), labelled("matches", this.which));
    this.text = make("p", "", "quiet code");
    this.counts = make("dl", undefined, "figures");
    this.none = make("p", "this pipeline has no patterns", "quiet");
    this.table = table("", ["match", "from", "to", "key", "values", "timed out at", "events"], "newest matches");
    root.append(this.bar, this.none, this.text, this.counts, this.table);
    [this.wanted, this.about, this.all, this.opened] = ["", null, [], new Set()];
  }

  enter([name]) {
    this.wanted = name || "";
    this.open();
  }

  leave() {
    this.follow?.end();
    this.follow = this.about = this.rows = null;
    empty(this.table.body);
  }

  look(answer) {
    this.all = answer.parts.filter((part) => part.kind === "pattern");
    this.plans = answer.plan.patterns;
    const names = this.all.map((part) => part.name);
    if ([...this.choice.options].map((option) => option.value).join() !== names.join()) {
      this.choice.replaceChildren(...names.map((name) => new Option(name, name)));
    }
    this.none.hidden = names.length > 0;
    this.bar.hidden = this.table.hidden = this.counts.hidden = !names.length;
    this.open();
    const now = this.all.find((part) => part.name === this.about?.name);
    if (!now) return;
    const list = [["matches", "matches"], ["timed_out", "timed out"], ["partial_matches", "open now"], ["no_key", "events without a key"], ["partial_overflow", "given up"]];
    keyed(this.counts, list, ([name]) => name, ([, title]) => {
      const box = make("div");
      box.value = make("dd");
      box.append(make("dt", title), box.value);
      return box;
    }, (box, [name]) => say(box.value, (now.counts[name] || 0).toLocaleString("en")));
  }

  open() {
    const about = this.all.find((part) => part.name === this.wanted) || this.all[0];
    if (!about || this.about?.name === about.name) return;
    this.follow?.end();
    this.about = about;
    this.choice.value = about.name;
    const plan = this.plans.find((one) => one.name === about.name);
    say(this.text, plan ? `${plan.match}${plan.within_us ? `, within ${plan.within_us / 1e6} s` : ""}` : "");
    this.opened.clear();
    empty(this.table.body);
    this.rows = new Rows(about, MOST);
    this.follow = new Follow(about.name, this.rows);
  }

  restyle() {
    if (this.rows) this.rows.dirty = true;
  }

  draw(now) {
    if (!this.rows?.dirty || now < (this.due || 0)) return;
    this.rows.dirty = false;
    const began = performance.now();
    this.show();
    this.due = now + Math.max(250, 5 * (performance.now() - began));
  }

  show() {
    const which = this.which.value;
    const late = (row) => row.timed_out !== null && row.timed_out !== undefined;
    const { rows: newest, found } = this.rows.select(this.search.value, TABLE, which === "all" ? null : (row) => String(late(row)) === which);
    say(this.table.caption, `the newest ${newest.length} of ${found} matches here`);
    const lines = newest.flatMap((row) => {
      const key = identity(this.about, row);
      return this.opened.has(key) ? [{ key, row }, { key, row, inside: true }] : [{ key, row }];
    });
    keyed(this.table.body, lines, (one) => `${one.inside ? "inside" : "line"} ${one.key}`, (one) => (one.inside ? this.inside(one.row) : this.line(one)), (line, one) => {
      if (one.inside) return;
      const { row } = one;
      line.className = row.revision > 0 ? "corrected" : "";
      const values = this.about.values.filter((name) => !OWN.includes(name));
      const events = row.events ? Object.values(row.events).reduce((n, list) => n + list.length, 0) : null;
      const open = this.opened.has(one.key);
      line.button.setAttribute("aria-expanded", String(open));
      say(line.button, open ? "close" : "open");
      cells(line, [line.first, clock(row.match_start), clock(row.match_end), this.about.dimensions.map((name) => plain(row[name])).join(", ") || "–", pairs(Object.fromEntries(values.map((name) => [name, row[name]]))) || "–", late(row) ? row.timed_out : "–", [events === null ? "–" : String(events), "number"]]);
    });
    stack(this.table);
  }

  line({ key, row }) {
    const line = make("tr");
    const button = make("button", "open");
    button.type = "button";
    line.button = button;
    button.setAttribute("aria-label", `events of the match at ${clock(row.match_end)}`);
    button.addEventListener("click", () => {
      if (!this.opened.delete(key)) this.opened.add(key);
      this.rows.dirty = true;
      this.due = 0;
    });
    line.first = make("td", undefined, "", button);
    line.append(line.first);
    return line;
  }

  /** The events of a match: its steps in the order of the pattern, each with its events in the order they came. */
  inside(row) {
    const line = make("tr", undefined, "inside");
    const cell = make("td");
    cell.colSpan = 7;
    if (!row.events) {
      cell.append(make("p", "The rows of this pattern carry no events; events = \"ids\" or \"full\" in the pipeline lets them.", "quiet"));
    } else {
      const list = make("ol", undefined, "events");
      for (const [step, events] of Object.entries(row.events)) {
        for (const event of events) {
          const text = typeof event === "object" ? JSON.stringify(event, null, 1) : String(event);
          list.append(make("li", undefined, "", make("b", step), make(typeof event === "object" ? "pre" : "code", text)));
        }
      }
      cell.append(list);
    }
    line.append(cell);
    return line;
  }
}
