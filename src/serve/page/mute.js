// The form that makes a silence.

import { labelled, make, say, select } from "./dom.js";
import { send } from "./net.js";

/** SQL that is true of alerts with these labels. */
export const matching = (labels) =>
  Object.entries(labels)
    .map(([name, value]) => `${/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`} = '${value.replaceAll("'", "''")}'`)
    .join(" AND ");

export class SilenceForm {
  constructor(done) {
    this.dialog = make("dialog");
    const form = make("form");
    form.method = "dialog";
    const title = make("h3", "Silence alerts");
    title.id = "silence-title";
    this.dialog.setAttribute("aria-labelledby", title.id);
    this.match = make("textarea");
    this.match.rows = 3;
    this.match.required = true;
    this.duration = select([["10m", "10 minutes"], ["1h", "1 hour"], ["4h", "4 hours"], ["1d", "1 day"], ["7d", "7 days"]], "1h");
    this.comment = make("input");
    this.by = make("input");
    this.by.value = localStorage.getItem("by") || "";
    this.error = make("p", "", "bad");
    this.error.setAttribute("role", "alert");
    const cancel = make("button", "Cancel");
    cancel.type = "button";
    cancel.addEventListener("click", () => this.dialog.close());
    form.append(title, labelled("which alerts, in SQL over their labels", this.match), labelled("for", this.duration), labelled("why", this.comment), labelled("who", this.by), this.error, make("div", undefined, "controls", make("button", "Silence"), cancel));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      localStorage.setItem("by", this.by.value);
      const body = { match: this.match.value, duration: this.duration.value, comment: this.comment.value, by: this.by.value };
      const { ok, error } = await send("POST", "/v1/silences", body);
      say(this.error, ok ? "" : error);
      if (!ok) return;
      this.dialog.close();
      done();
    });
    this.dialog.append(form);
  }

  /** Opens it for the labels of an alert, or for any. */
  open(alert) {
    const labels = alert ? Object.fromEntries(Object.entries(alert.labels).filter(([name]) => name !== "severity")) : {};
    this.match.value = matching(labels);
    say(this.error, "");
    this.dialog.showModal();
  }
}
