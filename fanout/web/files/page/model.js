// The matches as signals. An event changes the signal of its match only, so that only the parts of the
// page that show this match are rendered again. Changes become visible once per frame, however
// many events arrive.
import { batch, signal } from "../dist/preact.js";
import { Matches } from "../matches.js";

// rank orders matches by status: 0 in play, 1 before, 2 after.
export function rank(status) {
  if (["live", "break", "interrupted", "suspended"].includes(status)) return 0;
  return ["scheduled", "delayed", "postponed"].includes(status) ? 1 : 2;
}

// catchUp is the time in milliseconds after a reconnection in which missed events arrive.
const catchUp = 3000;

const none = new Map();

// fresh is the time in milliseconds after which a mark other than missed has no effect.
const fresh = 10000;

export class Model {
  matches = new Matches();
  ids = signal([]); // the IDs of all matches, in the order in which the page first saw them
  places = signal(0); // changes when the place of a match in the list can change
  connection = signal({ name: "connecting", seconds: 0, reason: "", since: Date.now() });
  partial = signal(false);
  loaded = signal(false); // whether a snapshot has arrived
  missed = signal({ events: 0, ids: [] }); // what happened while the page was offline
  events = 0; // number of events applied

  #views = new Map(); // signals by match ID
  #dirty = new Map(); // changes to show in the next frame, by match ID
  #news = []; // events to announce
  #scheduled = false;
  #lost = false;
  #reconnected = 0;
  #listeners = [];
  #marked = []; // the views with fresh marks, each with the time of the marks, oldest first

  // view returns the signal of a match. Its value has the members m, the state; marks, a Map from an
  // incident to "new", "missed" or "changed"; and scored, the side that scored last while the page was open.
  view(id) {
    let view = this.#views.get(id);
    if (!view) {
      view = signal({ m: this.matches.get(id), marks: none, scored: "" });
      this.#views.set(id, view);
    }
    return view;
  }

  // onNews calls f once per frame with the new events, each with the state before and after it.
  onNews(f) { this.#listeners.push(f); }

  // options returns the options of follow in live.js that feed this model.
  options() {
    return {
      snapshot: (list, cursor, partial) => this.replace(list, partial),
      event: (event) => this.apply(event),
      state: (name, seconds, reason) => this.connected(name, seconds, reason),
    };
  }

  // connected records the state of the connection. Until the page is live again, it keeps the last known reason.
  connected(name, seconds = 0, reason = "") {
    if (name === "waiting" && this.loaded.peek()) this.#lost = true;
    if (name === "live" && this.#lost) {
      this.#lost = false;
      this.#reconnected = Date.now();
    }
    const { name: before, since, reason: known } = this.connection.peek();
    const still = name !== "live" && before !== "live"; // offline, as before
    this.connection.value = { name, seconds, reason: reason || (still ? known : ""), since: still ? since : Date.now() };
  }

  // reset forgets all matches, for a stream with another filter or time.
  reset() {
    this.matches = new Matches();
    this.loaded.value = false;
    this.#lost = false;
    this.#dirty.clear();
    this.#news = [];
  }

  // replace replaces all matches with those of a snapshot. If the page was offline, the incidents that it did not
  // know are marked as missed.
  replace(list, partial = false) {
    const before = this.matches;
    const wasLost = this.#lost;
    this.matches = new Matches();
    this.matches.replace(list);
    batch(() => {
      const missed = [];
      for (const m of list) {
        const marks = new Map();
        const old = before.get(m.match.id);
        if (wasLost) {
          const known = new Map(old?.incidents.map((i) => [i.incident, i.rev]));
          for (const i of m.incidents) if (known.get(i.incident) !== i.rev) marks.set(i.incident, "missed");
          if (marks.size) missed.push([m.match.id, marks.size]);
        }
        this.view(m.match.id).value = { m, marks: marks.size ? marks : none, scored: "" };
      }
      for (const [id, view] of this.#views) if (!this.matches.get(id)) view.value = { m: undefined, marks: none, scored: "" };
      const ids = new Set(list.map((m) => m.match.id));
      const kept = this.ids.peek().filter((id) => ids.delete(id));
      this.ids.value = [...kept, ...ids];
      this.places.value++;
      this.partial.value = partial;
      this.loaded.value = true;
      this.#addMissed(missed);
    });
  }

  // apply applies an event. Backfill is no news: it happened before the first reading.
  apply(event) {
    const id = event.data.match?.id;
    const before = id && this.matches.get(id);
    const m = this.matches.apply(event);
    if (!m) return;
    this.events++;
    const late = Date.now() - this.#reconnected < catchUp && (event.data.replay || Date.parse(event.time) < this.#reconnected);
    const change = this.#dirty.get(id) ?? { marks: [], scored: "", moved: false, missed: 0 };
    this.#dirty.set(id, change);
    const d = event.data;
    if (d.incident && shown(d.kind) && (late || !d.backfill)) {
      change.marks.push([d.incident, late ? "missed" : d.action === "new" ? "new" : "changed"]);
      if (late) change.missed++;
    }
    if (!before || placeOf(before) !== placeOf(m)) change.moved = true;
    if (!d.backfill) for (const side of ["home", "away"]) if ((m.score?.[side] ?? 0) > (before?.score?.[side] ?? 0) && before) change.scored = side;
    if (!d.backfill && this.#listeners.length && this.#news.length < 1000) this.#news.push({ event, before, after: m, late });
    if (!this.#scheduled) {
      this.#scheduled = true;
      // A hidden page has no frames.
      if (globalThis.document?.hidden === false) requestAnimationFrame(() => this.flush());
      else setTimeout(() => this.flush(), 250);
    }
  }

  // flush shows the events that were applied since the last frame.
  flush() {
    this.#scheduled = false;
    const news = this.#news;
    this.#news = [];
    batch(() => {
      let moved = false;
      const missed = [];
      const added = [];
      for (const [id, change] of this.#dirty) {
        const m = this.matches.get(id);
        if (!m) continue; // a snapshot has arrived since
        const isNew = !this.#views.get(id)?.peek().m;
        const view = this.view(id);
        if (isNew && !this.ids.peek().includes(id)) added.push(id);
        moved ||= change.moved;
        const old = view.peek();
        const missedMarks = [...old.marks].filter(([, mark]) => mark === "missed");
        const marks = change.marks.length ? new Map([...missedMarks, ...change.marks].slice(-50)) : old.marks;
        view.value = { m, marks, scored: change.scored || old.scored };
        if (change.marks.length) this.#marked.push([view, Date.now()]);
        if (change.missed) missed.push([id, change.missed]);
      }
      this.#dirty.clear();
      if (added.length) this.ids.value = [...this.ids.peek(), ...added];
      if (moved || this.alwaysMoves) this.places.value++;
      this.#addMissed(missed);
    });
    for (const f of this.#listeners) f(news);
    this.#forget();
  }

  // forget frees the memory of old marks. It does not change the signals, because nothing is rendered for this.
  #forget() {
    const old = Date.now() - fresh;
    while (this.#marked[0]?.[1] < old) {
      const value = this.#marked.shift()[0].peek();
      if (![...value.marks.values()].includes("missed")) value.marks = none;
    }
  }

  #addMissed(list) {
    if (!list.length) return;
    const { events, ids } = this.missed.peek();
    this.missed.value = { events: list.reduce((n, [, more]) => n + more, events), ids: [...new Set([...ids, ...list.map(([id]) => id)])] };
  }

  // dismissMissed removes the marks of missed events.
  dismissMissed() {
    batch(() => {
      for (const id of this.missed.peek().ids) {
        const view = this.view(id);
        const marks = new Map([...view.peek().marks].filter(([, mark]) => mark !== "missed"));
        view.value = { ...view.peek(), marks };
      }
      this.missed.value = { events: 0, ids: [] };
    });
  }
}

// shown reports whether incidents of a kind have a row in the timeline.
export const shown = (kind) => !["status_change", "source_stale", "source_fresh", "kickoff_changed", "lineup", "match_activated", "match_deactivated"].includes(kind);

// placeOf returns the facts that decide the place of a match in the list.
const placeOf = (m) => [rank(m.match.status), m.match.start, m.sport, m.league, m.match.home, m.match.away].join("\n");
