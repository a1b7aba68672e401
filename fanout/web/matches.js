// Matches contains the state of all matches. It starts from a snapshot and applies later events by the
// same rules as the fold in fanout/eventlog, which makes the snapshots. It has no limit on the number
// of matches. It does not detect copies of events without an epoch, because follow in live.js
// delivers each event once.
export class Matches {
  constructor() { this.byID = new Map(); }

  // replace replaces the state with the matches of a snapshot.
  replace(list) {
    this.byID = new Map(list.map((m) => [m.match.id, m]));
  }

  // apply applies an event and returns the match that it changed, or null.
  apply(event) {
    const d = event.data;
    if (!d.match?.id) return null;
    let m = this.byID.get(d.match.id);
    if (m && isOlder(event, m)) return null;
    // A new epoch means that the parser lost its state, and reports the score and all incidents again.
    if (!m || (m.epoch && d.epoch !== m.epoch)) m = { incidents: [], partial: (d.epoch && d.seq > 1) || undefined };
    Object.assign(m, { match: d.match, sport: d.sport, league: d.league, replay: d.replay, updated: event.time, tid: event.tid, epoch: d.epoch, seq: d.seq });
    for (const name of ["score", "shootout"]) if (d[name]) m[name] = d[name];
    if (d.score) m.line_score = d.line_score;
    if (put(m.incidents, event)) m.partial = true;
    this.byID.delete(d.match.id); // the match that changed last comes first, as in a snapshot
    this.byID = new Map([[d.match.id, m], ...this.byID]);
    return m;
  }
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

const maxIncidents = 500; // of a match

// put adds, replaces or removes the incident of an event. It returns true if it drops the oldest
// incident, because there are too many.
function put(incidents, event) {
  const d = event.data;
  const at = incidents.findIndex((i) => d.incident && i.incident === d.incident);
  if (d.action === "retracted") {
    if (at >= 0) incidents.splice(at, 1);
    return false;
  }
  const { kind, detail, side, team, player, off, assist, points, time, score, shootout, winner, decided_by, lineup, rev, provisional } = d;
  const now = { key: event.type, kind, detail, side, team, player, off, assist, points, time, score, shootout, winner, decided_by, lineup, rev, provisional, clock: d.clock, tid: event.tid };
  for (const name of Object.keys(now)) if (now[name] === "") delete now[name];
  now.incident = d.incident ?? "";
  if (at >= 0) {
    incidents[at] = { ...now, score: incidents[at].score, shootout: incidents[at].shootout, fresh: true };
    return false;
  }
  if (incidents.push({ ...now, fresh: true }) <= maxIncidents) return false;
  incidents.shift();
  return true;
}
