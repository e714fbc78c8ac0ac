// What is seen with an item, and what a user may like: the lists as they are now.

import { cells, clock, keyed, labelled, make, plain, say, select, stack, table } from "./dom.js";
import { read, single } from "./net.js";
import { short } from "./rows.js";

const LISTS = 50;

export class Recommendations {
  constructor(root) {
    this.choice = select([]);
    this.choice.addEventListener("change", () => (location.hash = `#/recommendations/${encodeURIComponent(this.choice.value)}`));
    [this.item, this.user] = [make("input"), make("input")];
    for (const box of [this.item, this.user]) {
      box.type = "search";
      box.addEventListener("change", () => this.ask());
    }
    this.users = labelled("user", this.user);
    this.bar = make("div", undefined, "controls", labelled("recommendation", this.choice), labelled("item", this.item), this.users);
    this.said = make("p", "", "quiet");
    this.said.setAttribute("role", "status");
    this.table = table("", ["whose", "what", "as of"], "recommendations");
    root.append(this.bar, this.said, this.table);
    this.wanted = "";
    this.ask = single(() => this.question());
  }

  enter([name]) {
    this.wanted = name || "";
    this.ask();
  }

  look() {
    this.ask();
  }

  async question() {
    const query = new URLSearchParams({ limit: String(LISTS) });
    const shown = this.wanted || this.choice.value;
    if (shown) query.set("name", shown);
    for (const [name, box] of [["item", this.item], ["user", this.user]]) if (box.value.trim()) query.set(name, box.value.trim());
    const answer = await read(`/v1/recommendations?${query}`);
    if (!answer) return;
    const all = answer.recommendations;
    const names = all.map((one) => one.name);
    if ([...this.choice.options].map((option) => option.value).join() !== names.join()) {
      this.choice.replaceChildren(...names.map((name) => new Option(name, name)));
    }
    if (this.wanted) this.choice.value = this.wanted;
    const about = all.find((one) => one.name === this.choice.value);
    this.bar.hidden = this.table.hidden = !about;
    this.users.hidden = !about?.users;
    say(this.said, about ? `${about.item}, seen by ${about.by}; ${about.rows.toLocaleString("en")} rows` : "this pipeline recommends nothing");
    const lists = answer.lists.filter((one) => one.recommendation === about?.name);
    say(this.table.caption, `${lists.length === LISTS ? "the newest " : ""}${lists.length} lists; what changed last comes first`);
    const whose = (one) => (Object.hasOwn(one, "user") ? `user ${plain(one.user)}` : plain(one.item));
    keyed(this.table.body, lists, whose, () => make("tr"), (line, one) => {
      const entries = one.entries.map((entry) => `${plain(entry.other ?? entry.item)} (${short(entry.score)})`);
      cells(line, [whose(one), [entries.join(", "), "wrap"], clock(one.at)]);
    });
    stack(this.table);
  }
}
