// Matches contains the state of all matches. It starts from a snapshot and applies later events. It
// expects each event once, and the events of a match in order, as follow in live.js delivers them.
// It differs from the fold in fanout/eventlog:
//
//   - After a new epoch, a match has no score, shootout or line_score until an event contains them.
//   - It does not detect copies of events, or events that are older than the state.
//   - It does not limit the number of matches or incidents.
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
    if (m && m.epoch && !d.epoch) return null; // the state from the parser, with an epoch, has precedence
    if (!m || (d.epoch && m.epoch && d.epoch !== m.epoch)) m = { incidents: [] };
    Object.assign(m, { match: d.match, sport: d.sport, league: d.league, replay: !!d.replay, updated: event.time, tid: event.tid, epoch: d.epoch || "" });
    for (const name of ["score", "shootout"]) if (d[name]) m[name] = d[name];
    if (d.score) m.line_score = d.line_score;
    put(m.incidents, event);
    this.byID.delete(d.match.id); // the match that changed last comes first, as in a snapshot
    this.byID = new Map([[d.match.id, m], ...this.byID]);
    return m;
  }
}

// put adds, replaces or removes the incident of an event.
function put(incidents, event) {
  const d = event.data;
  const at = incidents.findIndex((i) => d.incident && i.incident === d.incident);
  if (d.action === "retracted") {
    if (at >= 0) incidents.splice(at, 1);
    return;
  }
  const { incident, kind, detail, side, team, player, off, assist, points, time, score, shootout, winner, decided_by, lineup, rev, provisional } = d;
  const now = { incident, key: event.type, kind, detail, side, team, player, off, assist, points, time, score, shootout, winner, decided_by, lineup, rev, provisional, clock: d.clock, tid: event.tid };
  if (at < 0) incidents.push({ ...now, fresh: true });
  else incidents[at] = { ...now, score: incidents[at].score, shootout: incidents[at].shootout, fresh: true };
}
