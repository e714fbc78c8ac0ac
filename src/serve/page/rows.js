// Rows of a part as they hold now: snapshots and changes in, series and tables out. No page, no network: tests read this file too.

/** What tells rows of a part apart. */
export function identity(part, row) {
  const names = part.kind === "window" ? part.dimensions : [...part.dimensions, ...part.values];
  return JSON.stringify([row[part.times[0]], row[part.times[1]], ...names.map((name) => row[name])]);
}

/** The group of a row, in words. */
export function group(part, row) {
  if (row.overflow) return "all others";
  return part.dimensions.map((name) => String(row[name])).join(" · ") || "all";
}

export class Rows {
  constructor(part, most = 20000) {
    this.part = part;
    this.most = most;
    /** By identity: the row, its group in words, the end of its window. */
    this.rows = new Map();
    this.dirty = true;
  }

  clear() {
    this.rows.clear();
    this.dirty = true;
  }

  /** Takes one row: a change with `op`, or a row of a snapshot. */
  take(row) {
    const key = identity(this.part, row);
    this.dirty = true;
    if (row.op === "-") {
      this.rows.delete(key);
      return;
    }
    this.rows.set(key, { row, group: group(this.part, row), end: Date.parse(row[this.part.times[1]]) });
    if (this.rows.size > this.most * 1.25) this.drop();
  }

  /** Drops the oldest windows, each as a whole: a chart must not show some groups of a window and not others. */
  drop() {
    const sizes = new Map();
    for (const { end } of this.rows.values()) sizes.set(end, (sizes.get(end) || 0) + 1);
    let left = this.rows.size;
    const gone = new Set();
    for (const end of [...sizes.keys()].sort((a, b) => a - b)) {
      if (left <= this.most || gone.size + 1 === sizes.size) break;
      left -= sizes.get(end);
      gone.add(end);
    }
    for (const [key, one] of this.rows) if (gone.has(one.end)) this.rows.delete(key);
  }

  /** Entries whose group has all words of `search`. */
  found(search) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const all = [...this.rows.values()];
    return words.length ? all.filter((one) => words.every((word) => one.group.toLowerCase().includes(word))) : all;
  }

  /** Rows that are searched for, the newest windows first. */
  newest(search, limit) {
    const all = this.found(search);
    all.sort((a, b) => b.end - a.end || (a.group < b.group ? -1 : 1));
    return all.slice(0, limit).map((one) => one.row);
  }

  /** The `top` groups by the sum of a value, each with its points [time in ms, value] in order; and how many groups there are. */
  series(value, search, top) {
    const groups = new Map();
    for (const { row, group: name, end } of this.found(search)) {
      const y = row[value];
      if (typeof y !== "number") continue;
      let one = groups.get(name);
      if (!one) groups.set(name, (one = { name, sum: 0, points: [] }));
      one.sum += Math.abs(y);
      one.points.push([end, y]);
    }
    const all = [...groups.values()].sort((a, b) => b.sum - a.sum || (a.name < b.name ? -1 : 1));
    const shown = all.slice(0, top);
    for (const one of shown) one.points.sort((a, b) => a[0] - b[0]);
    return { shown, groups: all.length };
  }

  /** The values that can be drawn: those that are numbers somewhere. */
  numbers() {
    return this.part.values.filter((name) => {
      for (const { row } of this.rows.values()) if (typeof row[name] === "number") return true;
      return false;
    });
  }
}

/** Text of a stream of server-sent events, in pieces, into messages. */
export class Events {
  constructor() {
    this.text = "";
  }

  take(piece) {
    this.text += piece;
    const blocks = this.text.split("\n\n");
    this.text = blocks.pop();
    const messages = [];
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (data.length) messages.push(JSON.parse(data.join("\n")));
    }
    return messages;
  }
}

/** A rate per second from totals at moments (ms). */
export class Rate {
  constructor() {
    this.last = null;
    this.value = null;
  }

  update(total, at) {
    if (this.last && at > this.last.at) {
      const now = Math.max(0, ((total - this.last.total) * 1000) / (at - this.last.at));
      this.value = this.value === null ? now : this.value * 0.5 + now * 0.5;
    }
    this.last = { total, at };
    return this.value;
  }
}

/** A number for people: at most four digits that matter, and a unit. */
export function short(n) {
  if (n === null || n === undefined || !Number.isFinite(n)) return "–";
  const size = Math.abs(n);
  for (const [unit, word] of [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e4, " k"]]) {
    if (size >= unit) return Number((n / (word === " k" ? 1e3 : unit)).toPrecision(4)) + word;
  }
  return String(Number.isInteger(n) ? n : Number(n.toPrecision(4)));
}

/** A length of time for people, from seconds. */
export function span(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  const s = Math.max(0, seconds);
  if (s < 120) return `${s.toFixed(1)} s`;
  if (s < 7200) return `${(s / 60).toFixed(0)} min`;
  return s < 172800 ? `${(s / 3600).toFixed(1)} h` : `${(s / 86400).toFixed(0)} days`;
}

/** A short length of time for people, from seconds. */
export function brief(seconds) {
  return seconds !== null && seconds >= 0 && seconds < 1 ? `${Number((seconds * 1e3).toPrecision(2))} ms` : span(seconds);
}

/** Round steps for an axis from `low` to `high`. */
export function steps(low, high, most) {
  if (!(high > low)) return [low];
  const raw = (high - low) / most;
  const ten = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= raw);
  const all = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) all.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  return all;
}
