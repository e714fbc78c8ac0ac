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

/** The first `most` of many in an order; the others are not sorted. */
export class First {
  constructor(most, order) {
    [this.most, this.order, this.list] = [most, order, []];
  }

  add(one) {
    const { list, most, order } = this;
    if (!most || (list.length >= most && order(one, list[list.length - 1]) >= 0)) return;
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (order(one, list[middle]) < 0) high = middle;
      else low = middle + 1;
    }
    list.splice(low, 0, one);
    if (list.length > most) list.pop();
  }
}

/** What says of a group in words whether it has all words of `search`; none where there is nothing to search for. */
function searching(search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length ? (name) => words.every((word) => name.toLowerCase().includes(word)) : null;
}

const named = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

export class Rows {
  constructor(part, most = 20000) {
    this.part = part;
    this.most = most;
    /** By identity: the row, its group in words, the end of its window. */
    this.rows = new Map();
    /** Values that were numbers somewhere. */
    this.drawn = new Set();
    this.clear();
  }

  clear() {
    this.rows.clear();
    this.dirty = true;
    /** Up to where windows have left. */
    this.gone = -Infinity;
    /** True once a single window had more rows than are kept. */
    this.cut = false;
  }

  /** Takes one row: a change with `op`, or a row of a snapshot. */
  take(row) {
    const key = identity(this.part, row);
    this.dirty = true;
    if (row.op === "-") {
      this.rows.delete(key);
      return;
    }
    const end = Date.parse(row[this.part.times[1]]);
    // A correction of a window that has left would stand there as the only row of it.
    if (end <= this.gone) return;
    this.rows.set(key, { row, group: group(this.part, row), end });
    if (this.drawn.size < this.part.values.length) {
      for (const name of this.part.values) if (typeof row[name] === "number") this.drawn.add(name);
    }
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
      this.gone = end;
    }
    for (const [key, one] of this.rows) if (gone.has(one.end)) this.rows.delete(key);
    if (left <= this.most * 1.25) return;
    // One window alone is too much: what came first of it leaves, as memory has an end.
    this.cut = true;
    for (const key of this.rows.keys()) {
      if (this.rows.size <= this.most) break;
      this.rows.delete(key);
    }
  }

  /** Rows that are searched for and that `only` is true of, the newest windows first; and how many there are in all. */
  select(search, limit, only) {
    const wanted = searching(search);
    const first = new First(limit, (a, b) => b.end - a.end || named(a.group, b.group));
    let found = 0;
    for (const one of this.rows.values()) {
      if ((wanted && !wanted(one.group)) || (only && !only(one.row))) continue;
      found += 1;
      first.add(one);
    }
    return { rows: first.list.map((one) => one.row), found };
  }

  /** Rows that are searched for, the newest windows first. */
  newest(search, limit) {
    return this.select(search, limit).rows;
  }

  /** The `top` groups by the sum of a value, each with its points [time in ms, value] in order; how many groups there are; and the end of the newest window. */
  series(value, search, top) {
    // First how much each group has; points are only made of those that are shown.
    const wanted = searching(search);
    const sums = new Map();
    let newest = NaN;
    for (const { row, group: name, end } of this.rows.values()) {
      const y = row[value];
      if (typeof y !== "number" || (wanted && !wanted(name))) continue;
      if (!(end <= newest)) newest = end;
      sums.set(name, (sums.get(name) || 0) + Math.abs(y));
    }
    const first = new First(top, (a, b) => b[1] - a[1] || named(a[0], b[0]));
    for (const one of sums) first.add(one);
    const shown = first.list.map(([name, sum]) => ({ name, sum, points: [] }));
    const places = new Map(shown.map((one) => [one.name, one.points]));
    for (const { row, group: name, end } of this.rows.values()) {
      const points = places.get(name);
      if (points && typeof row[value] === "number") points.push([end, row[value]]);
    }
    for (const one of shown) one.points.sort((a, b) => a[0] - b[0]);
    return { shown, groups: sums.size, newest };
  }

  /** The values that can be drawn: those that are numbers somewhere. */
  numbers() {
    return this.part.values.filter((name) => this.drawn.has(name));
  }
}

/** Text of a stream of server-sent events, in pieces, into messages. */
export class Events {
  constructor() {
    this.pieces = [""];
  }

  take(piece) {
    if (!piece) return [];
    const before = this.pieces[this.pieces.length - 1];
    this.pieces.push(piece);
    // A message of many pieces is put together once, not once for each of them.
    if (!piece.includes("\n\n") && !(before.endsWith("\n") && piece.startsWith("\n"))) return [];
    const blocks = this.pieces.join("").split("\n\n");
    this.pieces = [blocks.pop()];
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
