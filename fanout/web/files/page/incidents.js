// The incidents of a match: their order, their words and the running score.
import { capital, detailName, kindName, memberName, periodName, sportOf, t } from "./words.js";
import { clock, periodKey, shortPeriod } from "./format.js";
import { shown } from "./model.js";

const numbered = (prefix, n) => Array.from({ length: n }, (_, i) => prefix + (i + 1));
const periods = ["1h", "ht", "2h", "et1", "et_ht", "et2", ...numbered("p", 3), ...numbered("q", 4), ...numbered("ot", 9), "so",
  ...numbered("inn", 8), ...numbered("i", 30), ...numbered("s", 5)];

const places = new Map(periods.map((p, n) => [p, n]));

// inOrder returns the incidents in the order in which they happened. The order of the reports may be
// different. Periods that the page does not know are in the order of their first report. An incident without a clock
// stays behind the incident that was reported before it.
export function inOrder(incidents) {
  let names = places;
  for (const i of incidents) {
    const period = i.clock?.period;
    if (names.has(period)) continue;
    if (names === places) names = new Map(places);
    names.set(period, names.size);
  }
  const place = (i) => {
    if (i.kind === "match_start") return [-1];
    if (i.kind === "match_end") return [names.size];
    const phase = { period_start: -1, period_end: 1 }[i.kind] ?? 0;
    const c = i.clock ?? {};
    const half = { top: 1, bottom: 2 }[c.half] ?? 0;
    return [names.get(i.clock?.period), phase, half, c.minute ?? 0, c.stoppage ?? 0, c.elapsed ?? 0, c.balls ?? 0];
  };
  const before = ([, a], [, b]) => {
    for (let n = 0; n < 7; n++) if ((a[n] ?? 0) !== (b[n] ?? 0)) return (a[n] ?? 0) - (b[n] ?? 0);
    return 0;
  };
  let latest = [-1];
  const placed = (i) => (latest = i.clock || i.kind === "match_start" || i.kind === "match_end" ? place(i) : latest);
  return incidents.map((i) => [i, placed(i)]).sort(before).map(([i]) => i);
}

// rows returns the incidents that the timeline shows, the retracted ones among them, in the order in
// which they happened. Each row has the members i, the incident; gone, whether it was retracted; and
// score, the running score, or the score at the end of a period.
export function rows(m, kinds = []) {
  const wanted = (i) => shown(i.kind) && (!kinds.length || kinds.includes(i.kind));
  return inOrder([...m.incidents, ...(m.retracted ?? [])]).filter(wanted).map((i) => ({ i, gone: !!i.retraction, score: changesScore(i) || i.kind === "period_end" ? i.score : null }));
}

// scorers maps sports to the kinds of incidents that a card lists for each side. The other sports score too
// often. Their cards show the latest incident.
const scorers = {
  soccer: ["goal"], ice_hockey: ["goal"], rugby: ["try"], american_football: ["touchdown", "field_goal"], baseball: ["home_run"],
};

// scorersOf returns the scorers of both sides, each with all known times, or null if the card of this sport
// lists no scorers. It leaves out goals without a player and a time, such as those of a list of scores.
export function scorersOf(m) {
  const kinds = scorers[m.sport] ?? (m.incidents.some((i) => i.kind === "goal") ? ["goal"] : null);
  if (!kinds) return null;
  const sides = { home: new Map(), away: new Map() };
  for (const i of inOrder(m.incidents)) {
    if (!kinds.includes(i.kind) || (i.detail && /missed|blocked/.test(i.detail))) continue;
    const at = placeOf(i);
    if (!i.player && !at) continue;
    const side = sides[i.side ?? "home"];
    const name = i.player || i.team || capital(kindName(i)[0]);
    const note = { own_goal: 1, penalty: 1, penalty_try: 1 }[i.detail] ? ` (${detailName(i)})` : "";
    const times = side.get(name) ?? [];
    if (at || note) times.push((at + note).trim());
    side.set(name, times);
  }
  return { home: [...sides.home], away: [...sides.away] };
}

// latestOf returns the incident that happened last and has a row in the timeline, or undefined.
export const latestOf = (m) => m.incidents.findLast((i) => shown(i.kind) && !["period_start", "period_end"].includes(i.kind));

// changesScore reports whether an incident changes the score.
export function changesScore(i) {
  if (i.kind === "penalty" || /missed|blocked|failed|saved/.test(i.detail ?? "")) return false;
  return i.points > 0 || ["goal", "touchdown", "extra_point", "two_point", "field_goal", "safety", "try", "conversion", "penalty_goal",
    "drop_goal", "run", "home_run", "basket", "game", "set", "break", "score_change"].includes(i.kind);
}

// isGoal reports whether an incident is worth an announcement: a score that is rare in its sport.
export const isGoal = (i) => ["goal", "touchdown", "try", "home_run", "field_goal", "penalty_goal", "drop_goal", "wicket", "set"].includes(i.kind) &&
  !/missed|blocked/.test(i.detail ?? "");

// timeOf returns the time of an incident, such as 45+2' or 14:21.
export const timeOf = (i) => i.time || clock(i.clock, sportOf(i));

// placeOf returns the time of an incident with a short period, if the clock counts from its start: Q4 02:11.
export const placeOf = (i) => [shortPeriod(i.clock), timeOf(i)].filter(Boolean).join(" ");

// starts maps sports to the keys of the texts for the start of a match.
const starts = { soccer: "kick.off", rugby: "kick.off", american_football: "kick.off", ice_hockey: "face.off", basketball: "tip.off",
  baseball: "first.pitch", cricket: "start.play", tennis: "start.play" };

// endName returns the name of the end of a match.
export const endName = (sport) => t(["soccer", "rugby"].includes(sport) ? "fullTime" : ["cricket", "tennis"].includes(sport) ? "end.match" : "end.game");

// isMark reports whether an incident is about the whole match, such as the end of a period.
export const isMark = (i) => ["match_start", "match_end", "period_start", "period_end"].includes(i.kind);

// period returns the name of the period of an incident, or "".
export const periodOf = (i) => (i.clock?.period ? periodName(periodKey(i.clock), sportOf(i)) : "");

// words returns the name of an incident, and notes about it.
export function words(i, m) {
  const sport = sportOf(i);
  const period = periodOf(i);
  switch (i.kind) {
    case "match_start": return [t(starts[sport] ?? "start"), []];
    case "match_end": {
      const winner = i.winner === "draw" ? t("draw") : i.winner && m ? t("winner", { team: m.match[i.winner] }) : "";
      return [endName(sport), [i.decided_by && detailName({ ...i, kind: "match_end" }, i.decided_by), winner].filter(Boolean)];
    }
    case "period_start": return [capital(t("period.start", { period: period || t("start") })), []];
    case "period_end": return [capital(t("period.end", { period })), []];
  }
  const [name, saysDetail] = kindName(i);
  const notes = [
    i.detail && !saysDetail && detailName(i), i.assist && t("assist", { name: i.assist }), i.off && t("off", { name: i.off }),
    i.shootout && i.kind.startsWith("shootout") && `${i.shootout.home}–${i.shootout.away}`, i.provisional && t("provisional"),
  ].filter(Boolean);
  return [capital(name), notes];
}

// changes returns the changes of an incident as old and new texts, each with the name of the member.
export function changes(i) {
  return Object.entries(i.changes ?? {}).filter(([name]) => name !== "score").map(([name, { old, new: now }]) => ({
    name: memberName(name, i), old: valueText(name, old, i), now: valueText(name, now, i),
  }));
}

function valueText(name, value, i) {
  if (!value) return t("nothing");
  if (name === "detail") return detailName(i, value);
  if (name === "kind") return kindName({ ...i, kind: value, detail: "" })[0];
  if (name === "side") return t("side." + value);
  return value;
}
