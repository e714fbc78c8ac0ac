// Lines over time on a canvas, with axes, and a cursor that follows the pointer or the arrow keys.

import { short, steps } from "./rows.js";

const LIGHT = ["#1f6aa8", "#c2571a", "#2a7d4a", "#8a3ea8", "#9a7a00", "#b0305e", "#3f7f8c", "#6b5344"];
const DARK = ["#6fb3e8", "#f0995c", "#78cf98", "#cf9ae8", "#e0c050", "#f07fa6", "#7fc8d4", "#c8a890"];

export function colours() {
  return document.documentElement.dataset.theme === "dark" ? DARK : LIGHT;
}

export class Chart {
  constructor(canvas, time) {
    this.canvas = canvas;
    this.time = time;
    this.series = [];
    this.label = "";
    this.at = null;
    this.dirty = true;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.addEventListener("pointermove", (event) => this.point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("blur", () => this.point(null));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || !this.times.length) return;
      event.preventDefault();
      const now = this.at === null ? this.times.length : this.times.indexOf(this.at);
      this.at = this.times[Math.min(this.times.length - 1, Math.max(0, now + step))];
      this.dirty = true;
    });
    this.sizes = new ResizeObserver(() => (this.dirty = true));
    this.sizes.observe(canvas);
    this.times = [];
  }

  set(series, label) {
    this.series = series;
    this.label = label;
    this.times = [...new Set(series.flatMap((one) => one.points.map(([x]) => x)))].sort((a, b) => a - b);
    if (this.at !== null && !this.times.includes(this.at)) this.at = null;
    const last = series.map((one) => `${one.name} ${short(one.points[one.points.length - 1]?.[1])}`);
    this.canvas.setAttribute("aria-label", `${label} over time; newest: ${last.join(", ") || "nothing yet"}`);
    this.dirty = true;
  }

  /** Lets go of the canvas. */
  end() {
    this.sizes.disconnect();
  }

  /** Puts the cursor at the time nearest to a place. */
  point(x) {
    let at = null;
    if (x !== null && this.scale) {
      const wanted = this.scale.from + ((x - this.scale.left) / this.scale.width) * (this.scale.until - this.scale.from);
      for (const time of this.times) if (at === null || Math.abs(time - wanted) < Math.abs(at - wanted)) at = time;
    }
    if (at !== this.at) {
      this.at = at;
      this.dirty = true;
    }
  }

  draw() {
    this.dirty = false;
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
    if (!wide || !high) return;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(high * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const style = getComputedStyle(document.documentElement);
    const [ink, line] = [style.getPropertyValue("--quiet"), style.getPropertyValue("--line")];
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = ink;
    if (!this.times.length) {
      pen.fillText("no numbers yet", 8, 20);
      this.scale = null;
      return;
    }
    let [low, top] = [0, 0];
    for (const one of this.series) for (const [, y] of one.points) [low, top] = [Math.min(low, y), Math.max(top, y)];
    if (low === top) top = low + 1;
    const marks = steps(low, top, Math.max(2, Math.floor(high / 50)));
    const left = 12 + Math.max(...marks.map((mark) => pen.measureText(short(mark)).width));
    const [width, height] = [Math.max(10, wide - left - 12), Math.max(10, high - 40)];
    let [from, until] = [this.times[0], this.times[this.times.length - 1]];
    if (from === until) [from, until] = [from - 1000, until + 1000];
    this.scale = { from, until, left, width };
    const px = (time) => left + ((time - from) / (until - from)) * width;
    const py = (value) => 18 + height - ((value - low) / (top - low)) * height;
    pen.strokeStyle = line;
    pen.lineWidth = 1;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const mark of marks) {
      pen.beginPath();
      pen.moveTo(left, py(mark));
      pen.lineTo(left + width, py(mark));
      pen.stroke();
      pen.fillText(short(mark), left - 6, py(mark));
    }
    pen.textBaseline = "alphabetic";
    pen.textAlign = "left";
    pen.fillText(this.label, left, 11);
    const places = Math.max(2, Math.min(6, Math.floor(width / 140)));
    for (let i = 0; i < places; i++) {
      const time = from + ((until - from) * i) / (places - 1);
      pen.textAlign = i === 0 ? "left" : i === places - 1 ? "right" : "center";
      pen.fillText(this.time(time), px(time), high - 6);
    }
    const all = colours();
    this.series.forEach((one, i) => {
      pen.strokeStyle = pen.fillStyle = all[i % all.length];
      pen.lineWidth = 1.75;
      pen.beginPath();
      one.points.forEach(([x, y], n) => (n ? pen.lineTo(px(x), py(y)) : pen.moveTo(px(x), py(y))));
      pen.stroke();
      if (one.points.length < 60) {
        for (const [x, y] of one.points) {
          pen.beginPath();
          pen.arc(px(x), py(y), 2.2, 0, 7);
          pen.fill();
        }
      }
    });
    if (this.at !== null) this.cursor(pen, px, wide, ink, style);
  }

  cursor(pen, px, wide, ink, style) {
    const x = px(this.at);
    pen.strokeStyle = ink;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, 16);
    pen.lineTo(x, this.canvas.clientHeight - 20);
    pen.stroke();
    const all = colours();
    const lines = [[this.time(this.at), ink]];
    this.series.forEach((one, i) => {
      const found = one.points.find(([time]) => time === this.at);
      if (found) lines.push([`${one.name}: ${short(found[1])}`, all[i % all.length]]);
    });
    const width = Math.max(...lines.map(([text]) => pen.measureText(text).width)) + 16;
    const start = x + 10 + width > wide ? x - 10 - width : x + 10;
    pen.fillStyle = style.getPropertyValue("--card");
    pen.strokeStyle = style.getPropertyValue("--line");
    pen.fillRect(start, 18, width, lines.length * 16 + 8);
    pen.strokeRect(start, 18, width, lines.length * 16 + 8);
    pen.textAlign = "left";
    lines.forEach(([text, colour], i) => {
      pen.fillStyle = colour;
      pen.fillText(text, start + 8, 34 + i * 16);
    });
  }
}
