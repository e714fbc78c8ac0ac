// Alerts: rules, what fires or is pending, what is over, silences; and one alert with its life and the rows behind it.

import { align, badge, cells, clock, keyed, make, pairs, say, shown, stack, table } from "./dom.js";
import { read, send, single } from "./net.js";
import { SilenceForm } from "./mute.js";
import { span } from "./rows.js";

const number = (name) => [name, "number"];

/** How long something lasted. */
const lasting = (from, until) => (from && until ? span((Date.parse(until) - Date.parse(from)) / 1000) : "–");

export class Alerts {
  constructor(root) {
    this.said = make("p", "", "quiet");
    this.said.setAttribute("role", "status");
    this.one = make("section", undefined, "card");
    this.one.hidden = true;
    this.now = table("alerts that are not over", ["state", "severity", "alert", "group", "values", "since", "told", ""], "alerts now");
    this.rules = table("rules, and how many of their groups are what", ["rule", "state", number("firing"), number("no data"), number("pending"), number("fired so far"), number("over"), number("corrected"), "when"], "rules");
    this.over = table("alerts that are over, the newest first", ["ended", "fired", number("lasted"), "alert", "group", "summary"], "history");
    this.silences = table("silences", ["state", "which alerts", "until", "by", "why", "from", ""], "silences");
    this.form = new SilenceForm(() => this.ask());
    const part = (title, ...inside) => make("section", undefined, "", make("h3", title), ...inside);
    this.make = make("button", "Silence alerts");
    this.make.type = "button";
    this.make.addEventListener("click", () => this.form.open(null));
    this.kept = make("p", "", "quiet");
    root.append(this.said, this.one, part("Now", this.now), part("Rules", this.rules), part("History", this.over), part("Silences", this.make, this.silences, this.kept), this.form.dialog);
    this.may = false;
    this.id = null;
    this.ask = single(() => this.question());
  }

  enter([id]) {
    this.id = id || null;
    this.one.hidden = true;
    this.ask();
  }

  look() {
    this.ask();
  }

  async question() {
    const { id } = this;
    const [now, over, silences, one] = await Promise.all([
      read("/v1/alerts"),
      read("/v1/alerts?state=resolved&limit=50"),
      read("/v1/silences"),
      id ? read(`/v1/alerts/${encodeURIComponent(id)}`) : null,
    ]);
    if (!now || !over || !silences) return;
    this.may = silences.may_change;
    this.showNow(now);
    this.showRules(now.rules);
    this.showOver(over.alerts);
    this.showSilences(silences);
    // Another may have been opened since.
    if (id === this.id) this.showOne(one);
    for (const box of [this.now, this.over, this.silences]) stack(box);
    stack(this.rules, true);
  }

  showNow({ alerts, rules, more }) {
    const count = (name) => rules.reduce((n, rule) => n + rule.now[name], 0);
    say(this.said, rules.length ? `${count("firing")} firing, ${count("no_data")} without data, ${count("pending")} pending${more ? `; ${more} more than are shown` : ""}` : "this pipeline has no alerts");
    const create = (alert) => {
      const line = make("tr");
      line.state = make("td", undefined, "", badge(alert.state));
      const link = make("a", alert.rule);
      link.href = `#/alerts/${alert.id}`;
      line.link = make("td", undefined, "", link);
      const button = make("button", "silence");
      button.type = "button";
      button.setAttribute("aria-label", `silence ${alert.rule} ${pairs(alert.group)}`);
      button.addEventListener("click", () => this.form.open(line.alert));
      line.button = make("td", undefined, "", button);
      return line;
    };
    keyed(this.now.body, alerts, (alert) => alert.id, create, (line, alert) => {
      line.alert = alert;
      if (line.state.firstChild.dataset.word !== alert.state) line.state.replaceChildren(badge(alert.state));
      const told = alert.earlier_run ? "as an earlier run left it" : alert.silenced ? "silenced" : alert.inhibited ? "inhibited" : alert.notify.join(", ") || "nobody";
      const texts = [alert.severity || "–", pairs(alert.group) || "–", pairs(alert.values), clock(alert.fired || alert.since), told];
      line.texts ||= texts.map((_, i) => make("td", undefined, i === 1 || i === 2 ? "wrap" : ""));
      texts.forEach((text, i) => {
        say(line.texts[i], text);
        const title = text.length > 40 ? text : "";
        if (line.texts[i].title !== title) line.texts[i].title = title;
      });
      line.button.firstChild.hidden = !this.may || alert.silenced;
      const all = [line.state, line.texts[0], line.link, ...line.texts.slice(1), line.button];
      if (line.cells.length !== all.length) line.replaceChildren(...all);
    });
  }

  showRules(rules) {
    const create = (rule) => {
      const line = make("tr");
      line.state = badge(rule.state);
      return line;
    };
    keyed(this.rules.body, rules, (rule) => rule.name, create, (line, rule) => {
      const n = (value) => [value.toLocaleString("en"), "number"];
      const { firing, no_data, pending } = rule.now;
      const text = `${rule.when || "every match"}${rule.for !== "0s" ? ` for ${rule.for}` : ""}`;
      cells(line, [rule.name, rule.state.replace("_", " "), n(firing), n(no_data), n(pending), n(rule.total.fired), n(rule.total.resolved), n(rule.total.corrected), [text, "code"]]);
      line.dataset.state = rule.state;
    });
  }

  showOver(alerts) {
    const create = (alert) => {
      const line = make("tr");
      const link = make("a", alert.rule);
      link.href = `#/alerts/${alert.id}`;
      line.link = make("td", undefined, "", link);
      return line;
    };
    keyed(this.over.body, alerts, (alert) => alert.id, create, (line, alert) => {
      cells(line, [clock(alert.ended), clock(alert.fired), [lasting(alert.fired, alert.ended), "number"], line.link, [pairs(alert.group) || "–", "wrap"], [alert.summary, "wrap"]]);
    });
  }

  showSilences({ silences, file, may_change }) {
    this.make.hidden = !may_change;
    say(this.kept, `Those made here hold at once and end with the run${file ? `; those in ${file} are changed there` : ""}.`);
    const create = (silence) => {
      const line = make("tr");
      const button = make("button", "end");
      button.type = "button";
      button.setAttribute("aria-label", `end the silence ${silence.match}`);
      button.addEventListener("click", async () => {
        const { ok, error } = await send("DELETE", `/v1/silences/${encodeURIComponent(silence.id)}`);
        if (!ok) say(this.kept, error);
        this.ask();
      });
      line.button = make("td", undefined, "", button);
      return line;
    };
    keyed(this.silences.body, silences, (silence) => `${silence.origin} ${silence.id}`, create, (line, silence) => {
      cells(line, [silence.state, [silence.match, "code"], clock(silence.until), silence.by || "–", silence.comment || "–", silence.origin, line.button]);
      line.button.firstChild.hidden = !may_change || silence.origin !== "api";
    });
  }

  /** One alert, opened. */
  showOne(found) {
    this.one.hidden = !this.id;
    if (!this.id) return;
    if (!found) {
      this.one.replaceChildren(make("p", "This alert is no longer here.", "quiet"));
      return;
    }
    const { alert, rule, life, behind } = found;
    const text = JSON.stringify(found) + clock(0);
    if (this.last === text && this.one.childNodes.length > 1) return;
    this.last = text;
    const head = make("h3", undefined, "", badge(alert.state), ` ${alert.summary || alert.rule}`);
    const facts = make("dl", undefined, "facts");
    const fact = (name, value) => facts.append(make("dt", name), make("dd", value));
    fact("alert", `${alert.rule}, ${alert.id}`);
    if (alert.earlier_run) fact("said by", "an earlier run; this one has said nothing of it");
    fact("of", `${rule.from} ${pairs(alert.group)}`);
    fact("when", `${rule.when || "every match"}${rule.until ? ` until ${rule.until}` : ""}`);
    fact("labels", pairs(alert.labels));
    fact("told", alert.silenced ? "silenced" : alert.inhibited ? "kept quiet by another alert" : alert.notify.join(", ") || "nobody");
    const story = make("ol", undefined, "events");
    for (const one of life) story.append(make("li", undefined, "", badge(one.state), ` ${clock(one.at)} – ${one.summary} `, make("span", pairs(one.values), "quiet")));
    const rows = behind.rows;
    const columns = rows.length ? Object.keys(rows[0]).filter((name) => name !== "name") : [];
    const evidence = table(`rows of ${behind.part} behind it${behind.more ? "; older ones have left" : ""}`, columns, "rows behind the alert");
    for (const row of rows.slice().reverse()) {
      const line = make("tr");
      cells(line, columns.map((name) => (/_(start|end)$/.test(name) ? [clock(row[name]), "time"] : shown(row[name]))));
      evidence.body.append(line);
    }
    align(evidence);
    stack(evidence, true);
    const close = make("a", "close");
    close.href = "#/alerts";
    this.one.replaceChildren(head, facts, make("h4", "Life"), story, make("h4", "Evidence"), evidence, close);
  }

  restyle() {
    this.last = "";
  }
}
