// The newest lines that were no events, and how many there were.

import { cells, clock, keyed, labelled, make, say, select, stack, table } from "./dom.js";
import { read, single } from "./net.js";

export class Rejects {
  constructor(root) {
    this.ask = single(() => this.question());
    this.said = make("p", "", "quiet");
    this.said.setAttribute("role", "status");
    this.reason = select([["", "all"]]);
    this.reason.addEventListener("change", () => this.ask());
    this.table = table("the newest rejected lines", ["seen", "source", "partition", ["at byte", "number"], "reason", "what is wrong", "line"], "rejected lines");
    root.append(this.said, make("div", undefined, "controls", labelled("reason", this.reason)), this.table);
  }

  enter() {
    this.ask();
  }

  look() {
    this.ask();
  }

  async question() {
    const chosen = this.reason.value;
    const answer = await read(`/v1/rejects?limit=200${chosen ? `&reason=${encodeURIComponent(chosen)}` : ""}`);
    if (!answer) return;
    const all = Object.entries(answer.counted).flatMap(([source, by]) => Object.entries(by).map(([reason, n]) => [source, reason, n]));
    say(this.said, all.map(([source, reason, n]) => `${source}: ${n.toLocaleString("en")} ${reason}`).join("; ") || "no line was rejected");
    const reasons = [...new Set([...all.map(([, reason]) => reason), ...answer.rejects.map((one) => one.reason)])].sort();
    if ([...this.reason.options].slice(1).map((option) => option.value).join() !== reasons.join()) {
      this.reason.replaceChildren(new Option("all", ""), ...reasons.map((name) => new Option(name, name, false, name === chosen)));
    }
    say(this.table.caption, `the newest ${answer.rejects.length} of ${answer.kept} rejected lines that are kept`);
    keyed(this.table.body, answer.rejects, (one) => one.number, () => make("tr"), (line, one) => {
      cells(line, [clock(one.seen), one.source, one.partition, [String(one.position), "number"], one.reason, [one.detail, "wrap"], [one.line + (one.cut ? "…" : ""), "wrap code"]]);
    });
    stack(this.table);
  }
}
