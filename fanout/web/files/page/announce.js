// The announcements for screen readers. An announcement says what happened since the last one.
import { changes, endName, isGoal, timeOf, words } from "./incidents.js";
import { kindName, t } from "./words.js";

const most = 3; // sentences in one announcement

// announcement returns the text for news from the model, or "" if nothing in it is worth an interruption. If hidden
// is true, the text says only that a match is over. If close is true, it also says the score at the end of a period.
export function announcement(news, hidden = false, close = false) {
  const all = news.map((n) => sentence(n, hidden, close)).filter(Boolean);
  if (all.length <= 1) return all[0] ?? "";
  const rest = all.length - most;
  return [t("say.several", { n: all.length }), ...all.slice(-most), rest > 0 ? t("say.rest", { n: rest }) : ""].filter(Boolean).join(" ");
}

function sentence({ event, before, after }, hidden, close) {
  const d = { ...event.data, key: event.type };
  const isNew = (kind) => d.kind === kind && d.action === "new";
  const important = (!hidden && (isGoal(d) || d.kind === "red_card" || (close && isNew("period_end")))) || isNew("match_end");
  if (!important) return "";
  const old = before?.incidents.find((i) => i.incident === d.incident);
  const score = hidden || !after.score || after.sport === "cricket" ? t("say.match", after.match) : t("say.score", { home: after.match.home, h: after.score.home, away: after.match.away, a: after.score.away });
  const name = (i) => upper(kindName({ ...i, key: event.type })[0]);
  const what = (i) => (i.team ? t("say.goal", { kind: name(i), team: i.team }) : name(i)) + (i.player ? " " + t("say.by", { player: i.player }) : "");
  if (d.kind === "period_end") return `${words(d, after)[0]}. ${score}.`;
  if (d.kind === "match_end") return `${endName(after.sport)}. ${score}.`;
  if (d.action === "retracted") return `${t("say.retracted", { kind: lower(name(old ?? d)), team: (old ?? d).team || after.match[d.side] || "" })}${(old ?? d).player ? ", " + (old ?? d).player : ""}. ${score}.`;
  if (d.action === "corrected") {
    const changed = changes({ ...d, changes: d.changes }).map((c) => t("say.change", { name: lower(c.name), new: c.now, old: c.old }));
    if (!changed.length) return "";
    return `${t("say.corrected", { kind: [lower(name(d)), timeOf(d)].filter(Boolean).join(" "), changes: changed.join(", ") })}. ${t("say.match", after.match)}.`;
  }
  return `${what(d)}. ${score}.`;
}

const upper = (s) => s && s[0].toUpperCase() + s.slice(1);
// lower returns a text with a small first letter, unless it is an abbreviation. German nouns keep theirs.
const lower = (s) => (document.documentElement.lang === "de" || /^\p{Lu}{2}/u.test(s) ? s : s && s[0].toLowerCase() + s.slice(1));
