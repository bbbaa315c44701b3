/**
 * What happens in many chats, as it happens: one stream for all of them, since a browser opens
 * only six connections to a host. It comes back by itself and has then missed nothing.
 */

import { API } from "./access.js";
import { ask, problemOf } from "./api.js";
import { record } from "./calls.js";

const MAX_CHATS = 100;
// Milliseconds without a byte after which a stream is dead: the service pings every 15 seconds.
const SILENCE = 45_000;
// Milliseconds for which a hidden page keeps its connection, of which others may be in need.
const REST_AFTER = 30_000;
const FIRST_DELAY = 300;
const MAX_DELAY = 5_000;

/** Follows chats. `onEvents(events, since)` is called with what came together. */
export class Stream {
  // Of each chat the revision up to which all was told, or null before it is known.
  #cursors = new Map();
  // Of each chat the revision from which on all was told.
  #starts = new Map();
  #lastId = null;
  #controller = null;
  #wake = () => {};
  #onEvents;
  #onState;
  #wasLost = false;
  #isResting = false;

  /** `onState` is called with `connecting`, `connected`, `reconnecting` or `offline`. */
  constructor({ onEvents, onState }) {
    this.#onEvents = onEvents;
    this.#onState = onState;
    addEventListener("online", () => this.#wake());
    addEventListener("offline", () => this.#controller?.abort());
    let timer = 0;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => this.#rest(true), REST_AFTER);
      else this.#rest(false);
    });
    this.#follow();
  }

  #rest(isResting) {
    this.#isResting = isResting;
    if (isResting) this.#controller?.abort();
    else this.#wake();
  }

  /**
   * Follow these chats (a Map of their ids to revisions to go on from, or null for now), the most
   * important first. Those that are followed already, from there or before, go on.
   */
  watch(wanted) {
    const chosen = [...wanted].slice(0, MAX_CHATS);
    const [known, starts] = [this.#cursors, this.#starts];
    const isTold = ([id, since]) =>
      known.has(id) && (since === null || since >= (starts.get(id) ?? Infinity));
    if (chosen.every(isTold)) return;
    const told = new Set(chosen.filter(isTold).map(([id]) => id));
    this.#cursors = new Map(
      chosen.map(([id, since]) => [id, told.has(id) ? known.get(id) : since]),
    );
    this.#starts = new Map(
      chosen
        .map(([id, since]) => [id, told.has(id) ? starts.get(id) : (since ?? undefined)])
        .filter(([, start]) => start !== undefined),
    );
    this.#lastId = null;
    this.#controller?.abort();
    this.#wake();
  }

  async #follow() {
    let failures = 0;
    for (;;) {
      if (this.#cursors.size === 0 || this.#isResting) {
        await this.#pause();
        continue;
      }
      const controller = (this.#controller = new AbortController());
      try {
        await this.#read(controller, () => (failures = 0));
        if (this.#lastId !== null) this.#lost("reconnecting");
      } catch (error) {
        if (this.#lastId === null && controller.signal.aborted) continue; // Others are followed now.
        if (this.#isResting) continue;
        failures += 1;
        const isCut = failures === 1 && navigator.onLine;
        this.#lost(isCut || error.status ? "reconnecting" : "offline");
        const delay = Math.min(FIRST_DELAY * 2 ** (failures - 1), MAX_DELAY);
        await this.#pause(
          Math.max(delay * (0.75 + Math.random() / 2), (error.retryAfter ?? 0) * 1000),
        );
      }
    }
  }

  #lost(state) {
    this.#wasLost = true;
    this.#onState(state);
  }

  /** Wait so many milliseconds, or until there is a reason to try at once. */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = milliseconds && setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Read a stream to its end; throws when it is cut or refused. */
  async #read(controller, onAlive) {
    const url = new URL("changes/stream", API);
    url.searchParams.set("chats", vector(this.#cursors));
    const headers = { Accept: "text/event-stream" };
    if (this.#lastId) headers["Last-Event-ID"] = this.#lastId;
    const began = performance.now();
    const response = await ask({ url, headers }, controller.signal);
    if (!response.ok) throw problemOf(response, await response.text());
    record({ method: "GET", url, headers }, { response, ms: performance.now() - began });
    // What was sent before was missed, if a connection was lost; the service's clock, in seconds,
    // may be one behind.
    const now = Date.parse(response.headers.get("Date") ?? "") + 2000;
    const since = this.#wasLost ? now : NaN;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const watchdog = setTimeout(() => controller.abort(), SILENCE);
      const { value, done } = await reader.read().finally(() => clearTimeout(watchdog));
      if (done) return;
      // The service ends lines by LF alone, and each event by an empty one.
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      const events = blocks.map((block) => this.#parse(block)).filter(Boolean);
      if (events.length === 0) continue;
      onAlive();
      this.#wasLost = false;
      this.#onState("connected");
      this.#onEvents(events, since);
    }
  }

  /** Return an event, or null of what is none, and go on from it. */
  #parse(block) {
    let data = null;
    for (const line of block.split("\n")) {
      if (line.startsWith("id: ")) this.#goOnFrom(line.slice(4));
      else if (line.startsWith("data: ")) data = JSON.parse(line.slice(6));
    }
    if (data?.event === "ready" && !this.#starts.has(data.chat_id))
      this.#starts.set(data.chat_id, data.revision);
    return data;
  }

  #goOnFrom(id) {
    this.#lastId = id;
    const entries = id ? id.split(",").map((entry) => entry.split(".").map(Number)) : [];
    const told = new Map(entries);
    for (const chat of this.#cursors.keys()) {
      if (told.has(chat)) this.#cursors.set(chat, told.get(chat));
      else this.#cursors.delete(chat); // It is gone.
    }
  }
}

function vector(cursors) {
  return Array.from(cursors, ([id, since]) => (since === null ? id : `${id}.${since}`)).join(",");
}
