// The server: questions with a token, and rows as they change.

import { Events } from "./rows.js";

let token = sessionStorage.getItem("token") || "";

export function login(text) {
  token = text;
  sessionStorage.setItem("token", text);
}

export const hasToken = () => token !== "";

export function ask(path, more = {}) {
  const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...more.headers };
  return fetch(path, { ...more, headers, cache: "no-store" });
}

/** The JSON of a path; null where there is none, or the server is away: the page says so by itself. */
export async function read(path) {
  try {
    const response = await ask(path, { signal: AbortSignal.timeout(5000) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** One question at a time: those that come while one is under way are one, behind it. A slow server is not asked ever more. */
export function single(question) {
  let [under, again] = [false, false];
  return async () => {
    again = under;
    if (under) return;
    under = true;
    try {
      do {
        again = false;
        await question();
      } while (again);
    } finally {
      under = false;
    }
  };
}

/** Sends JSON; gives the answer, or what is wrong in words. */
export async function send(method, path, body) {
  try {
    const more = body ? { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } } : {};
    const response = await ask(path, { method, ...more, signal: AbortSignal.timeout(5000) });
    if (response.ok) return { ok: true };
    const { error } = await response.json();
    return { ok: false, error: `${error.message}. ${error.help}` };
  } catch {
    return { ok: false, error: "The server does not answer." };
  }
}

/** Follows the rows of one part into a `Rows`, and begins anew after a cut, until it is ended. */
export class Follow {
  constructor(name, rows) {
    [this.name, this.rows, this.cursor, this.begun] = [name, rows, null, false];
    this.abort = new AbortController();
    this.run();
  }

  end() {
    this.abort.abort();
  }

  async run() {
    let wait = 500;
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        const headers = this.cursor ? { "Last-Event-ID": this.cursor } : {};
        const path = `/v1/events?snapshot=10000&name=${encodeURIComponent(this.name)}`;
        const response = await ask(path, { headers, signal });
        if (!response.ok) throw new Error(String(response.status));
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        const events = new Events();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          wait = 500;
          for (const message of events.take(value)) this.take(message);
        }
      } catch {
        // The next try says more.
      }
      if (signal.aborted) return;
      await new Promise((next) => setTimeout(next, wait));
      wait = Math.min(wait * 2, 10000);
    }
  }

  take(message) {
    this.cursor = message.cursor;
    if (message.type === "gap") this.begun = false;
    if (message.type === "snapshot") {
      // What was missed is in none of the rows that are here.
      if (!this.begun) this.rows.clear();
      this.begun = message.more;
      for (const row of message.rows) this.rows.take(row);
    }
    if (message.type === "changes") for (const row of message.changes) this.rows.take(row);
  }
}
