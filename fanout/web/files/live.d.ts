// The types of live.js.
import type { CloudEvent, MatchState } from "./matches.js";

/** Lists of entries of a filter. An empty or missing list selects everything. */
export interface Filter {
  topics?: string[];
  match?: string[];
  team?: string[];
}

/** The state of a connection. After "ended", the client does not reconnect. */
export type State = "connecting" | "live" | "waiting" | "ended";

export interface Options extends Filter {
  /** Receives the state of the selected matches. partial is true if some are missing. */
  snapshot?(matches: MatchState[], cursor: string, partial: boolean): void;
  /** Receives each event once, in order for each match. */
  event?(event: CloudEvent, cursor: string): void;
  /** Receives each change of the connection. seconds is the pause before the next try, and reason says why. */
  state?(name: State, seconds: number, reason: string): void;
  token?: string | (() => string | Promise<string>);
  /** A delay in seconds. */
  delay?: number;
  /** The time to play back from. */
  from?: Date | string;
  speed?: number | string;
  conflate?: boolean;
  cursor?: string;
}

export interface Stream {
  readonly cursor: string;
  subscribe(filter: Filter): void;
  unsubscribe(filter: Filter): void;
  close(): void;
}

/** Follows the stream at a URL, such as wss://scores.example/ws. */
export function follow(url: string | URL, options?: Options): Stream;
