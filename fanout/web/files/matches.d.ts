// The types of matches.js. docs/live.md and the JSON Schemas describe the members.

export type Side = "home" | "away";

export interface Score {
  home: number;
  away: number;
}

export interface Clock {
  period?: string;
  minute?: number;
  stoppage?: number;
  elapsed?: number;
  balls?: number;
  half?: "top" | "bottom";
}

export interface Innings {
  runs: number;
  wickets?: number;
  declared?: boolean;
  follow_on?: boolean;
}

export interface Match {
  id: string;
  home: string;
  away: string;
  start?: string;
  status: string;
  period?: string;
  clock?: Clock;
  stale?: { since: string; reason: string };
  situation?: Record<string, unknown>;
}

export interface Incident {
  incident: string;
  key: string;
  kind: string;
  detail?: string;
  side?: Side;
  team?: string;
  player?: string;
  off?: string;
  assist?: string;
  points?: number;
  time?: string;
  clock?: Clock;
  score?: Score;
  shootout?: Score;
  winner?: Side | "draw";
  decided_by?: string;
  lineup?: { formation?: string; coach?: string; players: { name: string; number?: string; position?: string; substitute?: boolean }[] };
  rev?: number;
  provisional?: boolean;
  tid: string;
  /** The first and the latest value of each member that corrections have changed. */
  changes?: Record<string, { old: string; new: string }>;
  reason?: string;
  /** Only a retracted incident has it. */
  retraction?: { at?: string; clock?: Clock; reason?: string; tid: string };
}

export interface MatchState {
  match: Match;
  sport: string;
  league: string;
  score?: Score;
  shootout?: Score;
  line_score?: { home?: Innings[]; away?: Innings[] };
  replay?: boolean;
  updated: string;
  tid: string;
  incidents: Incident[];
  retracted?: Incident[];
  epoch?: string;
  seq?: number;
  partial?: boolean;
  scoreboard?: boolean;
}

/** An event, as docs/events.md describes it. */
export interface CloudEvent {
  id: string;
  type: string;
  subject?: string;
  time: string;
  tid: string;
  data: Record<string, any>;
}

/** The state of all matches. */
export class Matches {
  readonly size: number;
  replace(list: MatchState[]): void;
  /** Returns the new state of the match, or null if nothing has changed. */
  apply(event: CloudEvent): MatchState | null;
  get(id: string): MatchState | undefined;
  /** Returns all states. The match that changed last comes first. */
  list(): MatchState[];
}

/** Returns the state of a match after an event, or null if the event changes nothing. */
export function apply(old: MatchState | undefined, event: CloudEvent): MatchState | null;
