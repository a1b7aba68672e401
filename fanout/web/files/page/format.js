// Times, clocks and scores as text.
import { computed, signal } from "../dist/preact.js";
import { setting } from "./settings.js";
import { capital, current, periodName, t } from "./words.js";

// now is the time that the page shows, in milliseconds. It changes each second. It is earlier than the
// real time if the stream has a delay or is a playback.
export const now = signal(Date.now());

// dates returns a function that formats dates with the language and the time format of the reader.
const dates = (options) => computed(() => {
  const hour12 = { 12: true, 24: false }[setting.time.value];
  const format = new Intl.DateTimeFormat(current.value.locale, { ...options, ...(options.hour ? { hour12 } : {}) });
  return (t) => format.format(new Date(t));
});
const hours = dates({ hour: "2-digit", minute: "2-digit" });
const seconds = dates({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndHours = dates({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const full = dates({ weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

export const timeText = (time) => hours.value(time);
export const secondsText = (time) => seconds.value(time);
export const fullText = (time) => full.value(time);

// kickOffText returns a kick-off time in the reader's time zone, with the day unless it is today.
export function kickOffText(time) {
  const at = new Date(time);
  const today = new Date(now.peek());
  if (at.toDateString() === today.toDateString()) return hours.value(at);
  return at.getFullYear() === today.getFullYear() ? dayAndHours.value(at) : full.value(at);
}

// agoText returns how long ago a time was. Below a minute, it changes in steps of 10 seconds.
export function agoText(time, at = now.value) {
  const age = Math.max(0, (at - Date.parse(time)) / 1000);
  if (age < 10) return t("now");
  if (age < 60) return t("ago.seconds", { n: Math.floor(age / 10) * 10 });
  if (age < 3600) return t("ago.minutes", { n: Math.floor(age / 60) });
  return age < 86400 * 2 ? t("ago.hours", { n: Math.floor(age / 3600) }) : t("ago.days", { n: Math.floor(age / 86400) });
}

// ends maps periods to the minute at which they end, in sports whose clock counts minutes.
const ends = { soccer: { "1h": 45, "2h": 90, et1: 105, et2: 120 }, rugby: { "1h": 40, "2h": 80, et1: 90, et2: 100 } };

// maxTicking is the time in minutes for which a clock ticks without a new reading.
const maxTicking = 30;

// clockText returns the match clock. If the clock of the sport runs without stopping, clockText adds
// the time since the reading, unless the source is stale.
export function clockText(m, at = now.value) {
  const c = m.match.clock ?? {};
  const end = ends[m.sport]?.[c.period];
  const runs = end && m.match.status === "live" && !m.match.stale && !m.replay;
  const passed = runs ? Math.max(0, Math.floor((at - Date.parse(m.updated)) / 60000)) : 0;
  if (!c.minute || !passed || passed > maxTicking) return clock(c, m.sport);
  const minute = c.minute + (c.stoppage ?? 0) + passed;
  return minute > end ? `${end}+${minute - end}'` : `${minute}'`;
}

const two = (n) => String(n).padStart(2, "0");

// clock returns a clock in the usual notation: 90+1', 15', 14:21 or, in cricket, overs such as 14.3.
export function clock(c, sport) {
  if (!c) return "";
  if (c.balls) return `${Math.floor(c.balls / 6)}.${c.balls % 6}`;
  if (c.stoppage) return `${c.minute}+${c.stoppage}'`;
  if (ends[sport] && c.minute) return `${c.minute}'`;
  if (c.elapsed) return `${two(Math.floor(c.elapsed / 60))}:${two(c.elapsed % 60)}`;
  return c.minute ? `${c.minute}'` : "";
}

// periodKey returns the key of a period, with the half of an inning in baseball.
export const periodKey = (c) => (c.half ? c.half + "." : "") + c.period;

// shortPeriod returns a short name of the period of a clock that counts from the start of the period, such as Q4, or
// the half of an inning, such as ▼9. It returns "" for other clocks.
export function shortPeriod(c) {
  const number = /[0-9]+$/.exec(c?.period ?? "")?.[0];
  if (!number) return "";
  if (c.half) return (c.half === "top" ? "▲" : "▼") + number;
  return /^(q|p|ot|s|i)[0-9]+$/.test(c.period) ? (c.period[0] === "i" ? number : c.period.toUpperCase()) : "";
}

// statusText returns the status of a match as a short text, without its clock.
export function statusText(m) {
  const { status, period, clock: c } = m.match;
  const name = period ? capital(periodName(c?.half && c.period === period ? periodKey(c) : period, m.sport)) : "";
  switch (status) {
    case "live": return name || t("live");
    case "break": {
      const pause = t(m.sport === "cricket" ? "interval" : "break"); // such as lunch, or between two innings
      return period?.endsWith("ht") ? name : name ? pause + " · " + name : pause;
    }
    case "ended": return ["soccer", "rugby"].includes(m.sport) ? t("fullTime") : t("end");
    case "final": return t("final");
    default: return t("status." + (status || "unknown"));
  }
}

// innings returns the innings of a side in cricket, such as 428/6d & 120/3d.
export const innings = (line) => (line ?? []).map((i) => i.runs + ((i.wickets ?? 10) < 10 ? "/" + i.wickets : "") +
  (i.declared ? "d" : "") + (i.follow_on ? ` (${t("followOn")})` : "")).join(" & ");

// partName returns the short name of part n of a match, from 0.
export function partName(sport, n) {
  if (["soccer", "rugby"].includes(sport)) return n < 2 ? t("part.half", { n: n + 1 }) : t("part.extra", { n: n - 1 });
  const regular = { basketball: 4, american_football: 4, ice_hockey: 3 }[sport] ?? Infinity;
  if (n < regular) return String(n + 1);
  return n === regular ? t("part.overtime") : t("part.overtimes", { n: n - regular + 1 });
}

const known = new Map(); // initials by team

// initials returns up to three letters for a team, in place of a crest.
export function initials(team) {
  if (!known.has(team)) known.set(team, letters(team));
  return known.get(team);
}

function letters(team) {
  const words = team.normalize("NFC").split(/[^\p{L}\p{N}]+/u).filter((w) => w && !/^(fc|cf|sc|afc|ac|the|de|of)$/i.test(w));
  const all = words.length > 1 ? words.slice(0, 3).map((w) => [...w][0]) : [...(words[0] ?? team)].slice(0, 3);
  return all.join("").toLocaleUpperCase();
}

// hue returns one of 12 numbers for a team, always the same.
export function hue(team) {
  let n = 7;
  for (const c of team) n = (n * 31 + c.codePointAt(0)) % 9973;
  return n % 12;
}

// plain returns a text for comparisons: in lower case, without accents.
export const plain = (s) => (s ?? "").normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
