// This file uses the whole public API of the package. Required makes the compiler report a missing member.
import { follow } from "matchwire/live.js";
import type { Filter, Options, State, Stream } from "matchwire/live.js";
import { apply, Matches } from "matchwire/matches.js";
import type { Clock, CloudEvent, Incident, Innings, Match, MatchState, Score, Side } from "matchwire/matches.js";

const matches = new Matches();
const states: State[] = ["connecting", "live", "waiting", "ended"];

const options: Required<Options> = {
  topics: ["soccer.mls.*"],
  match: ["mls-42"],
  team: ["Toronto FC"],
  snapshot(list: MatchState[], cursor: string, partial: boolean) {
    matches.replace(list);
    console.log(cursor.length, !partial, matches.size);
  },
  event(event: CloudEvent, cursor: string) {
    const now: MatchState | null = matches.apply(event);
    console.log(cursor, now?.score?.home);
  },
  state(name: State, seconds: number, reason: string) {
    console.log(states.indexOf(name), seconds.toFixed(), reason.trim());
  },
  token: "secret",
  delay: 30,
  from: new Date(),
  speed: 10,
  conflate: true,
  cursor: "1-a",
};
const filter: Required<Filter> = { topics: ["*.*.goal"], match: [], team: [] };

const stream: Stream = follow("wss://scores.example/ws", options);
stream.subscribe(filter);
stream.unsubscribe({ team: ["Toronto FC"] });
const cursor: string = stream.cursor;
stream.close();
follow(new URL("wss://scores.example/ws"));
follow("/ws", { cursor, token: () => "secret", from: "2016-11-06T23:30:00Z", speed: "10" });
follow("/ws", { token: async () => "secret" });

const side: Side = "away";
const score: Required<Score> = { home: 0, away: 1 };
const clock: Required<Clock> = { period: "1h", minute: 45, stoppage: 2, elapsed: 2700, balls: 6, half: "top" };
const innings: Required<Innings> = { runs: 210, wickets: 7, declared: true, follow_on: false };
const match: Required<Match> = {
  id: "mls-42", home: "New York City FC", away: "Toronto FC", start: "2016-11-06T23:30:00Z", status: "live", period: "1h",
  clock, stale: { since: "2016-11-06T23:40:00Z", reason: "the site answered 403 Forbidden" }, situation: { down: 3 },
};
const incident: Required<Incident> = {
  incident: "mls-42/1", key: "soccer.mls.goal", kind: "goal", detail: "penalty", side, team: "Toronto FC", player: "Giovinco",
  off: "", assist: "Altidore", points: 1, time: "6'", clock, score, shootout: score, winner: "draw", decided_by: "penalties",
  lineup: { formation: "4-4-2", coach: "Vanney", players: [{ name: "Bono", number: "25", position: "GK", substitute: false }] },
  rev: 2, provisional: false, tid: "01a208bc", changes: { player: { old: "Altidore", new: "Giovinco" } }, reason: "offside",
  retraction: { at: "2016-11-06T23:41:40Z", clock, reason: "offside", tid: "01a208bc" },
};
const state: Required<MatchState> = {
  match, sport: "soccer", league: "MLS", score, shootout: score, line_score: { home: [innings], away: [innings] }, replay: false,
  updated: "2016-11-06T23:41:40Z", tid: "01a208bc", incidents: [incident], retracted: [incident], epoch: "01a208bc", seq: 3,
  partial: false, scoreboard: false,
};
const event: Required<CloudEvent> = {
  id: "41268e8e", type: "soccer.mls.goal", subject: "mls-42", time: "2016-11-06T23:41:40Z", tid: "01a208bc", data: { match },
};
const first: MatchState | null = apply(undefined, event);
const later: MatchState | null = apply(state, event);
const found: MatchState | undefined = matches.get("mls-42");
console.log(first, later, found, matches.list().map((m) => m.match.home));
