// Small charts on a canvas: a sparkline, bars by group, and heat of groups over time.

import { short } from "./rows.js";

/** Makes a canvas as fine as the screen; gives its pen and size, or null where it is not visible. */
export function pen(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  if (!wide || !high) return null;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, wide, high);
  context.font = "12px system-ui, sans-serif";
  [context.textAlign, context.textBaseline, context.globalAlpha] = ["left", "alphabetic", 1];
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  return { context, wide, high, colour };
}

/** A text that fits into a width. */
function fitting(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

/** The last values of one number, without axes: the number itself stands beside it. */
export class Spark {
  constructor(canvas, label, most = 120) {
    [this.canvas, this.most, this.values, this.dirty] = [canvas, most, [], false];
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    new ResizeObserver(() => (this.dirty = true)).observe(canvas);
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > this.most) this.values.shift();
    this.dirty = true;
  }

  draw() {
    this.dirty = false;
    const drawn = pen(this.canvas);
    if (!drawn || this.values.length < 2) return;
    const { context, wide, high, colour } = drawn;
    const top = Math.max(...this.values) || 1;
    const step = wide / (this.most - 1);
    const left = wide - step * (this.values.length - 1);
    context.strokeStyle = colour("--accent");
    context.lineWidth = 1.5;
    context.beginPath();
    this.values.forEach((value, i) => {
      const [x, y] = [left + i * step, high - 2 - (value / top) * (high - 4)];
      if (i) context.lineTo(x, y);
      else context.moveTo(x, y);
    });
    context.stroke();
  }
}

/** What a series has at a time; null where it has nothing then. */
export function valueAt({ points }, time) {
  const last = points[points.length - 1];
  return last && Object.is(last[0], time) ? last[1] : null;
}

/** The value of each series in the newest window as a bar; a group that is not in it has none. */
export function bars(canvas, series, label, newest) {
  const last = series.map((one) => [one.name, valueAt(one, newest)]);
  canvas.setAttribute("aria-label", `${label} of the newest window: ${last.map(([name, value]) => `${name} ${short(value)}`).join(", ") || "nothing yet"}`);
  const drawn = pen(canvas);
  if (!drawn) return;
  const { context, wide, high, colour } = drawn;
  const top = Math.max(...last.map(([, value]) => Math.abs(value)), 1e-9);
  const step = Math.min(28, (high - 24) / Math.max(1, last.length));
  const names = Math.min(wide * 0.4, Math.max(...last.map(([name]) => context.measureText(name).width), 0) + 8);
  context.textBaseline = "middle";
  context.fillStyle = colour("--quiet");
  context.fillText(`${label}, newest window`, 0, 9);
  last.forEach(([name, value], i) => {
    const y = 20 + i * step;
    context.fillStyle = colour("--ink");
    context.fillText(fitting(context, name, names - 8), 0, y + step / 2);
    context.fillStyle = colour("--accent");
    const width = (Math.abs(value) / top) * Math.max(10, wide - names - 70);
    if (value !== null) context.fillRect(names, y + 2, Math.max(1, width), Math.max(2, step - 5));
    context.fillStyle = colour("--ink");
    context.fillText(short(value), names + width + 6, y + step / 2);
  });
}

/** Groups over time; the darker, the more. */
export function heat(canvas, series, label, clock) {
  const times = [...new Set(series.flatMap((one) => one.points.map(([x]) => x)))].sort((a, b) => a - b).slice(-200);
  canvas.setAttribute("aria-label", `${label} of ${series.length} groups in ${times.length} windows, as heat`);
  const drawn = pen(canvas);
  if (!drawn || !times.length) return;
  const { context, wide, high, colour } = drawn;
  const names = Math.min(wide * 0.35, Math.max(...series.map((one) => context.measureText(one.name).width)) + 8);
  const [width, step] = [(wide - names) / times.length, (high - 42) / series.length];
  let [low, top] = [0, 1e-9];
  for (const one of series) for (const [, y] of one.points) [low, top] = [Math.min(low, y), Math.max(top, y)];
  context.textBaseline = "middle";
  context.fillStyle = colour("--quiet");
  context.fillText(`${label}: none is ${short(low)}, full is ${short(top)}`, 0, 9);
  const place = new Map(times.map((time, i) => [time, i]));
  series.forEach((one, i) => {
    const y = 20 + i * step;
    context.fillStyle = colour("--ink");
    if (step >= 10) context.fillText(fitting(context, one.name, names - 8), 0, y + step / 2);
    context.fillStyle = colour("--accent");
    for (const [time, value] of one.points) {
      if (!place.has(time)) continue;
      context.globalAlpha = 0.06 + 0.94 * ((value - low) / (top - low || 1));
      context.fillRect(names + place.get(time) * width, y, Math.max(1, width - (width > 4 ? 1 : 0)), Math.max(1, step - 1));
    }
    context.globalAlpha = 1;
  });
  context.fillStyle = colour("--quiet");
  context.textBaseline = "alphabetic";
  context.fillText(clock(times[0]), names, high - 6);
  context.textAlign = "right";
  if (wide - names > 320) context.fillText(clock(times[times.length - 1]), wide, high - 6);
}
