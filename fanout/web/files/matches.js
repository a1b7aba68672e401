// The state of all matches, for any client of the stream. It needs no browser: it also runs in Node.
//
//   import { Matches } from "https://…/matches.js";
//   const matches = new Matches();
//   follow("wss://…/ws", {
//     snapshot: (list) => matches.replace(list),
//     event: (event) => { const m = matches.apply(event); if (m) draw(m); },
//   });
//
// Matches starts from a snapshot and applies later events by the same rules as the node, which makes
// the snapshots. A state is never changed: an event creates a new object for its match, so
// you can compare states with ===. Matches has no limit on the number of matches. It does not detect
// copies of events without an epoch, because follow in live.js delivers each event once.

const maxIncidents = 500; // of a match
const maxRetracted = 50; // of a match

export class Matches {
  #byID = new Map(); // the match that changed last is the last entry

  // replace replaces the state with the matches of a snapshot.
  replace(list) {
    this.#byID = new Map(list.toReversed().map((m) => [m.match.id, m]));
  }

  // apply applies an event. It returns the new state of the match, or null if nothing has changed.
  apply(event) {
    const id = event.data.match?.id;
    if (!id) return null;
    const m = apply(this.#byID.get(id), event);
    if (!m) return null;
    this.#byID.delete(id);
    this.#byID.set(id, m);
    return m;
  }

  // get returns the state of a match, or undefined.
  get(id) { return this.#byID.get(id); }

  // list returns all states. The match that changed last comes first, as in a snapshot.
  list() { return [...this.#byID.values()].reverse(); }

  get size() { return this.#byID.size; }
}

// apply returns the state of a match after an event, or null if the event changes nothing. old is the
// state before the event. It is undefined if the match is new.
export function apply(old, event) {
  const d = event.data;
  if (old && isOlder(event, old)) return null;
  // A new epoch means that the parser lost its state, and reports the score and all incidents again.
  if (!old || (old.epoch && d.epoch !== old.epoch)) old = { incidents: [], partial: (d.epoch && d.seq > 1) || undefined };
  const m = {
    ...old, match: d.match, sport: d.sport, league: d.league, replay: d.replay, updated: event.time, tid: event.tid,
    epoch: d.epoch, seq: d.seq, score: d.score ?? old.score, shootout: d.shootout ?? old.shootout,
    line_score: d.score ? d.line_score : old.line_score,
  };
  put(m, event);
  return m;
}

// isOlder reports whether an event is older than the state m of its match, or already in it. An event
// without an epoch, such as one from matchwire emit, is older than any state with an epoch.
function isOlder(event, m) {
  const { epoch, seq } = event.data;
  if (epoch) return epoch < (m.epoch ?? "") || (epoch === m.epoch && (seq ?? 0) <= (m.seq ?? 0));
  return !!m.epoch || isBefore(event.time, m.updated);
}

// isBefore reports whether a time is before another, both in RFC 3339. Date ignores the digits after
// the milliseconds.
function isBefore(a, b) {
  const fraction = (time) => (/\.(\d+)/.exec(time)?.[1] ?? "").padEnd(9, "0");
  const apart = Date.parse(a) - Date.parse(b);
  return apart < 0 || (apart === 0 && fraction(a) < fraction(b));
}

// members lists the members of an event that its incident has too.
const members = ["kind", "detail", "side", "team", "player", "off", "assist", "points", "time", "clock", "score", "shootout",
  "winner", "decided_by", "lineup", "rev", "provisional"];

// put adds, replaces or retracts the incident of an event in a new state.
function put(m, event) {
  const d = event.data;
  const same = (i) => d.incident && i.incident === d.incident;
  const incidents = [...m.incidents];
  m.incidents = incidents;
  const at = incidents.findIndex(same);
  if (d.action === "retracted") {
    if (at < 0) return;
    const [gone] = incidents.splice(at, 1);
    const clock = Object.keys(d.match.clock ?? {}).length ? d.match.clock : undefined;
    const retraction = { at: event.time, clock, reason: d.reason || undefined, tid: event.tid };
    m.retracted = [...(m.retracted ?? []), { ...gone, retraction }].slice(-maxRetracted);
    return;
  }
  if (m.retracted?.some(same)) { // it is reported again
    m.retracted = m.retracted.filter((i) => !same(i));
    if (!m.retracted.length) m.retracted = undefined;
  }
  const now = { incident: d.incident ?? "", key: event.type, tid: event.tid };
  for (const name of members) if (d[name] !== undefined && d[name] !== "") now[name] = d[name];
  if (at >= 0) {
    const { score, shootout, changes } = incidents[at]; // the score at the incident, not at the correction
    incidents[at] = { ...now, score, shootout, changes: merge(changes, d.changes), reason: d.reason || undefined };
    return;
  }
  if (incidents.push(now) <= maxIncidents) return;
  incidents.shift();
  m.partial = true;
}

// merge returns the changes of several corrections as changes from the first to the latest values. It
// leaves out members that have their first value again.
function merge(earlier, later) {
  const all = { ...earlier };
  for (const [name, change] of Object.entries(later ?? {})) {
    all[name] = { old: (earlier?.[name] ?? change).old, new: change.new };
    if (all[name].old === all[name].new) delete all[name];
  }
  return Object.keys(all).length ? all : undefined;
}
