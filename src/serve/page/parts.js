// The rows of one part as they change: a chart by group, and a table of the newest windows.

import { align, cells, clock, keyed, labelled, make, say, select, shown as value, stack, table } from "./dom.js";
import { Follow } from "./net.js";
import { Chart, colours } from "./chart.js";
import { Rows, identity } from "./rows.js";
import { bars, heat } from "./small.js";

const TABLE = 50;

export class Parts {
  constructor(root) {
    this.root = root;
    this.choice = select([]);
    this.choice.addEventListener("change", () => (location.hash = `#/parts/${encodeURIComponent(this.choice.value)}`));
    const bar = make("div", undefined, "controls");
    bar.append(labelled("part", this.choice));
    this.none = make("p", "no rows are served yet", "quiet");
    root.append(bar, this.none);
    this.wanted = "";
    this.part = null;
    this.about = [];
  }

  enter([name]) {
    this.wanted = name || "";
    this.open();
  }

  leave() {
    this.part?.leave();
    this.part = null;
  }

  look(answer) {
    this.about = answer.parts.filter((part) => part.kind !== "alert");
    const names = this.about.map((part) => part.name);
    if ([...this.choice.options].map((option) => option.value).join() !== names.join()) {
      this.choice.replaceChildren(...names.map((name) => new Option(name, name)));
    }
    this.none.hidden = names.length > 0;
    this.open();
  }

  open() {
    const about = this.about.find((part) => part.name === this.wanted) || this.about[0];
    if (!about || this.part?.about.name === about.name) return;
    this.part?.leave();
    this.choice.value = about.name;
    this.part = new Part(about, this.root);
  }

  restyle() {
    if (this.part) this.part.rows.dirty = true;
  }

  draw(now) {
    this.part?.draw(now);
  }
}

class Part {
  constructor(about, root) {
    this.about = about;
    this.rows = new Rows(about);
    this.follow = new Follow(about.name, this.rows);
    this.due = 0;
    this.box = make("div", undefined, "card");
    const again = () => ((this.rows.dirty = true), (this.due = 0));
    this.search = make("input");
    this.search.type = "search";
    this.search.placeholder = about.dimensions.join(", ");
    this.search.addEventListener("input", again);
    this.metric = select([]);
    this.top = select([["5", "5"], ["8", "8"], ["20", "20"]], "8");
    this.form = select([["line", "lines over time"], ["bar", "bars, newest window"], ["heat", "heat over time"]], "line");
    for (const one of [this.metric, this.top, this.form]) one.addEventListener("change", again);
    this.note = make("span", "", "quiet");
    const controls = make("div", undefined, "controls");
    const drawn = about.kind === "window";
    if (about.dimensions.length) controls.append(labelled("groups", this.search));
    if (drawn) controls.append(labelled("value", this.metric), labelled("largest", this.top), labelled("as", this.form));
    controls.append(this.note);
    this.box.append(controls);
    if (drawn) {
      this.canvas = make("canvas");
      this.chart = new Chart(this.canvas, clock);
      // Another canvas for the other forms: a chart answers to the pointer.
      this.other = make("canvas");
      this.other.setAttribute("role", "img");
      this.other.hidden = true;
      this.sizes = new ResizeObserver(again);
      this.sizes.observe(this.other);
      this.legend = make("ul", undefined, "legend");
      this.box.append(this.canvas, this.other, this.legend);
    }
    this.columns = [...about.times, ...about.dimensions, ...about.values, "revision"];
    this.table = table("", this.columns, `newest rows of ${about.name}`);
    this.box.append(this.table);
    root.append(this.box);
  }

  leave() {
    this.follow.end();
    this.chart?.end();
    this.sizes?.disconnect();
    this.box.remove();
  }

  draw(now) {
    if (this.rows.dirty && now >= this.due) {
      const began = performance.now();
      this.update();
      // However many rows there are, most of the time is left for others.
      this.due = now + Math.max(250, 5 * (performance.now() - began));
    }
    if (this.chart?.dirty && !this.canvas.hidden) this.chart.draw();
  }

  update() {
    this.rows.dirty = false;
    const search = this.search.value;
    if (this.chart) this.series(search);
    const newest = this.rows.newest(search, TABLE);
    say(this.table.caption, `the newest ${newest.length} of ${this.rows.rows.size} rows here; corrected ones are marked${this.rows.cut ? "; a window has more rows than a page keeps" : ""}`);
    keyed(this.table.body, newest, (row) => identity(this.about, row), () => make("tr"), (line, row) => {
      line.className = row.revision > 0 ? "corrected" : "";
      cells(line, this.columns.map((name) => (this.about.times.includes(name) ? [clock(row[name]), "time"] : value(row[name]))));
    });
    align(this.table);
    stack(this.table, true);
  }

  series(search) {
    const numbers = this.rows.numbers();
    if (this.metric.options.length !== numbers.length) {
      const chosen = this.metric.value;
      this.metric.replaceChildren(...numbers.map((name) => new Option(name, name, false, name === chosen)));
    }
    const [metric, top, form] = [this.metric.value, Number(this.top.value), this.form.value];
    const { shown, groups, newest } = this.rows.series(metric, search, top);
    say(this.note, groups > top ? `the ${top} largest of ${groups} groups` : "");
    this.canvas.hidden = this.legend.hidden = form !== "line";
    this.other.hidden = form === "line";
    if (form === "bar") bars(this.other, shown, metric, newest);
    if (form === "heat") heat(this.other, shown, metric, clock);
    if (form !== "line") return;
    this.chart.set(shown, metric || "");
    const all = colours();
    keyed(this.legend, shown.map((one, i) => [one.name, all[i % all.length]]), ([name]) => name, ([name]) => {
      const item = make("li");
      item.box = make("span");
      item.append(item.box, name);
      return item;
    }, (item, [, colour]) => (item.box.style.background = colour));
  }
}
