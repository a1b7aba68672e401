// The symbols of incidents, drawn for this page. A symbol repeats the word beside it, so screen readers
// skip it.
import { html } from "../dist/preact.js";
import { changesScore } from "./incidents.js";
import { isDefined, sportOf } from "./words.js";

// shapes maps names to the content of an SVG of 16 by 16 units.
const shapes = {
  ball: html`<circle cx="8" cy="8" r="6.2" /><path d="M8 4.6l3 2.2-1.1 3.5H6.1L5 6.8z" class="fill" />`,
  yellow: html`<rect x="4" y="2" width="8" height="12" rx="1.4" class="card-yellow" />`,
  red: html`<rect x="4" y="2" width="8" height="12" rx="1.4" class="card-red" />`,
  swap: html`<path d="M3 5.5h8.5M9 2.8l2.8 2.7L9 8.2M13 10.5H4.5M7 7.8l-2.8 2.7L7 13.2" />`,
  whistle: html`<circle cx="6" cy="9.5" r="4" /><path d="M6 5.5h8.5v3H10" />`,
  flag: html`<path d="M4 14.5v-12M4 3h8.5l-2.2 2.6L12.5 8H4" />`,
  eye: html`<path d="M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8z" /><circle cx="8" cy="8" r="1.9" class="fill" />`,
  clock: html`<circle cx="8" cy="8" r="6.2" /><path d="M8 4.5V8l2.6 1.6" />`,
  basket: html`<path d="M2.5 5h11M4 5l1.5 8.5h5L12 5M5 9h6" />`,
  puck: html`<path d="M2 6v4c0 1.6 2.7 2.8 6 2.8s6-1.2 6-2.8V6" /><ellipse cx="8" cy="6" rx="6" ry="2.8" />`,
  oval: html`<path d="M2.6 13.4C1.4 8.5 7.5 1.4 13.4 2.6c1.2 4.9-4.9 12-10.8 10.8zM6 10l4-4" />`,
  bat: html`<path d="M13.5 2.5L6 10M3.2 12.8L7 9" class="thick" /><circle cx="12" cy="12" r="1.8" class="fill" />`,
  wicket: html`<path d="M4.5 4v10M8 4v10M11.5 4v10M3.5 3h4M8.5 3h4" />`,
  racket: html`<ellipse cx="9.8" cy="6.2" rx="4.4" ry="4.8" transform="rotate(30 9.8 6.2)" /><path d="M6.8 10L3 14" class="thick" />`,
  cross: html`<circle cx="8" cy="8" r="6.2" /><path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8" />`,
  post: html`<path d="M4.5 14V2M11.5 14V2M4.5 8h7" />`,
  out: html`<path d="M6.5 3H3v10h3.5M7 8h7M11.2 5l2.8 3-2.8 3" />`,
  score: html`<circle cx="8" cy="8" r="6.2" /><path d="M8 5v6M5 8h6" />`,
  dot: html`<circle cx="8" cy="8" r="2.6" class="fill" />`,
};

const byKind = {
  goal: { soccer: "ball", ice_hockey: "puck" }, yellow_card: "yellow", red_card: "red", substitution: "swap", pitching_change: "swap",
  match_start: "whistle", match_end: "whistle", period_start: "whistle", period_end: "whistle",
  penalty_awarded: "flag", penalty: "flag", penalty_missed: "cross", added_time: "clock", timeout: "clock", over_end: "clock",
  var_review: "eye", tmo_review: "eye", review: "eye", challenge: "eye", shootout_kick: "ball", shootout_attempt: "puck",
  basket: "basket", ejection: "out", touchdown: "oval", try: "oval", extra_point: "post", two_point: "post", field_goal: "post",
  conversion: "post", penalty_goal: "post", drop_goal: "post", safety: "flag", turnover: "swap",
  run: "bat", home_run: "bat", wicket: "wicket", boundary: "bat", milestone: "flag", game: "racket", set: "racket", break: "racket",
};

// neutral are the symbols that suit every sport.
const neutral = ["yellow", "red", "swap", "whistle", "flag", "cross", "clock", "eye", "out"];

// Icon is the symbol of the kind of an incident. A sport that a profile defines has no symbols of other sports.
export function Icon({ i }) {
  const missed = /missed|saved|failed|blocked|no_goal|disallowed/.test(i.detail ?? "") && i.kind !== "var_review";
  const found = typeof byKind[i.kind] === "object" ? byKind[i.kind][sportOf(i)] : byKind[i.kind];
  const name = missed ? "cross" : !isDefined(sportOf(i)) || neutral.includes(found) ? found : changesScore(i) ? "score" : "dot";
  return html`<${Shape} name=${name ?? "dot"} />`;
}

// Shape is one of the symbols.
export const Shape = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">${shapes[name]}</svg>`;

Object.assign(shapes, {
  pin: html`<path d="M8 1.8l1.9 3.9 4.3.6-3.1 3 .7 4.3L8 11.6l-3.8 2 .7-4.3-3.1-3 4.3-.6z" />`,
  pinned: html`<path d="M8 1.8l1.9 3.9 4.3.6-3.1 3 .7 4.3L8 11.6l-3.8 2 .7-4.3-3.1-3 4.3-.6z" class="fill" />`,
  search: html`<circle cx="7" cy="7" r="4.6" /><path d="M10.5 10.5l4 4" />`,
  sliders: html`<path d="M2 4.5h7M13 4.5h1M2 11.5h1M7 11.5h7" /><circle cx="11" cy="4.5" r="1.8" /><circle cx="5" cy="11.5" r="1.8" />`,
  left: html`<path d="M10 3L5 8l5 5" />`,
  close: html`<path d="M4 4l8 8M12 4l-8 8" />`,
  warn: html`<path d="M8 2L15 14H1zM8 6.5v3.4M8 12v.1" />`,
  off: html`<path d="M2 6.2a9 9 0 0112 0M4.4 8.8a5.4 5.4 0 017.2 0M2 2l12 12" /><circle cx="8" cy="12" r="1.2" class="fill" />`,
  again: html`<path d="M3 8a5 5 0 105-5H5M7.2 .8L5 3l2.2 2.2" />`,
  info: html`<circle cx="8" cy="8" r="6.2" /><path d="M8 7.2v4M8 4.7v.1" />`,
  bell: html`<path d="M4 11.5V7a4 4 0 018 0v4.5l1 1H3zM6.8 14.2h2.4" />`,
});
