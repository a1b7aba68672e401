import { follow } from "./live.js";
import { Matches } from "./matches.js";
import { nth, situation } from "./situation.js";

const $ = (id) => document.getElementById(id);
const matches = new Matches();

follow("ws" + location.search, {
  snapshot(list, cursor, partial) {
    matches.replace(list);
    $("partial").hidden = !partial;
    draw();
  },
  event(event) {
    const m = matches.apply(event);
    draw();
    if (m && event.data.kind === "goal") $("announce").textContent = announcement(m, event.data);
  },
  state(name, seconds) {
    $("state").dataset.state = name;
    $("state").textContent = { connecting: "Connecting…", live: "Live", waiting: `Connection lost, next try in ${seconds} s`, ended: "Ended" }[name];
  },
});

// announcement returns the text that screen readers read after a goal.
function announcement(m, d) {
  return `Goal for ${d.team}. ${m.match.home} ${m.score?.home}, ${m.match.away} ${m.score?.away}.`;
}

function draw() {
  const list = [...matches.byID.values()];
  $("empty").hidden = list.length > 0;
  // Cards keep their places while the page is open, so that the page is easier to read.
  const box = $("matches");
  for (const m of list) {
    const id = "match-" + m.match.id;
    const card = matchCard(m, id);
    const old = $(id);
    if (!old) box.append(card);
    else {
      const top = old.querySelector(".line").scrollTop;
      old.replaceWith(card);
      card.querySelector(".line").scrollTop = top;
    }
  }
  for (const old of [...box.children]) if (!list.some((m) => old.id === "match-" + m.match.id)) old.remove();
  for (const m of list) for (const i of m.incidents) i.fresh = false;
  const last = list.map((m) => m.updated).sort().at(-1);
  $("last").textContent = last ? "Latest page read " + new Date(last).toLocaleString() : "";
}

// el creates an element. It adds strings as text, never as markup, and leaves out empty attributes and
// children.
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) if (v) e.setAttribute(k, v);
  e.append(...children.filter((c) => c !== "" && c != null));
  return e;
}

function matchCard(m, id) {
  const so = m.shootout;
  return el("article", { class: "match", id },
    el("header", {},
      el("span", {}, m.league + (m.replay ? " · replay" : "")),
      el("span", { class: "chip" + (["live", "break"].includes(m.match.status) ? " live" : "") }, chip(m))),
    el("div", { class: "score" },
      el("span", { class: "team" }, m.match.home),
      el("span", { class: "goals" }, String(m.score?.home ?? "–"), el("i", {}, ":"), String(m.score?.away ?? "–")),
      el("span", { class: "team" }, m.match.away),
      m.line_score && m.sport === "cricket" ? el("p", { class: "innings" }, innings(m.line_score.home) + " : " + innings(m.line_score.away)) : "",
      so ? el("p", { class: "pens" }, `Shoot-out ${so.home}:${so.away}`) : ""),
    m.line_score && m.sport !== "cricket" ? lineScore(m) : "",
    situation(m) ? el("p", { class: "situation" }, situation(m), el("small", {}, " at " + clockTime(m.updated))) : "",
    kickOff(m) ? el("p", { class: "kick-off" }, "Kick-off " + kickOff(m)) : "",
    m.match.stale ? el("p", { class: "stale", title: m.match.stale.reason }, "No news from the source since " + clockTime(m.match.stale.since)) : "",
    el("ol", { class: "line" }, ...inOrder(m.incidents).filter((i) => row(i)).toReversed().map((i) => line(i))),
    ...m.incidents.filter((i) => i.lineup).map((i) => lineup(i, m)));
}

// lineScore returns a table with the score of each side by period. It has no total in tennis, where the score counts
// the games of the current set.
function lineScore(m) {
  const parts = Math.max(m.line_score.home?.length ?? 0, m.line_score.away?.length ?? 0);
  const total = m.sport !== "tennis" && m.score;
  const cells = (side) => Array.from({ length: parts }, (_, i) => el("td", {}, String(m.line_score[side]?.[i]?.runs ?? "")));
  const row = (side) => el("tr", {}, el("th", { scope: "row" }, m.match[side]), ...cells(side), total ? el("td", { class: "total" }, String(m.score[side])) : "");
  const heads = Array.from({ length: parts }, (_, i) => el("th", { scope: "col" }, partName(m.sport, i)));
  return el("div", { class: "parts" }, el("table", {},
    el("caption", { class: "visually-hidden" }, "Score by period"),
    el("tr", {}, el("td", {}), ...heads, total ? el("th", { scope: "col" }, "Total") : ""), row("home"), row("away")));
}

// partName returns the short name of part i of a match.
function partName(sport, i) {
  const halves = { soccer: ["1st", "2nd", "ET 1", "ET 2"], rugby: ["1st", "2nd", "ET 1", "ET 2"] }[sport];
  const regular = { basketball: 4, american_football: 4, ice_hockey: 3 }[sport] ?? Infinity;
  if (halves) return halves[i] ?? "";
  return i < regular ? String(i + 1) : i === regular ? "OT" : i - regular + 1 + "OT";
}

// kickOff returns the kick-off time of a match that has not begun, or "".
function kickOff(m) {
  if (!m.match.start || !["scheduled", "delayed", "postponed"].includes(m.match.status)) return "";
  return new Date(m.match.start).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

// lineup returns the line-up of one side. It stays open when the card is drawn again.
function lineup(i, m) {
  const id = "lineup-" + m.match.id + "-" + i.side;
  const players = (list) => list.map((p) => [p.number, p.name].filter(Boolean).join(" ") + (p.position ? ` (${p.position})` : "")).join(", ");
  const { formation, coach } = i.lineup;
  const box = el("details", { class: "lineup", id },
    el("summary", {}, ["Line-up of " + i.team, formation].filter(Boolean).join(", ")),
    el("p", {}, players(i.lineup.players.filter((p) => !p.substitute))));
  const substitutes = players(i.lineup.players.filter((p) => p.substitute));
  if (substitutes) box.append(el("p", {}, "Substitutes: " + substitutes));
  if (coach) box.append(el("p", {}, "Coach: " + coach));
  box.open = !!$(id)?.open;
  return box;
}

// innings returns the innings of a side in cricket, such as 428/6d & 120/3d.
const innings = (line) => (line ?? []).map((i) => i.runs + ((i.wickets ?? 10) < 10 ? "/" + i.wickets : "") +
  (i.declared ? "d" : "") + (i.follow_on ? " (f/o)" : "")).join(" & ") || "–";

const clockTime = (t) => new Date(t).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

const periods = {
  "1h": "1st half", ht: "Half-time", "2h": "2nd half", et1: "Extra time", et_ht: "Extra time, break", et2: "Extra time, 2nd half", so: "Shoot-out",
  p1: "1st period", p2: "2nd period", p3: "3rd period", ot1: "Overtime", ot2: "2nd overtime",
  q1: "1st quarter", q2: "2nd quarter", q3: "3rd quarter", q4: "4th quarter",
  ...numbered("inn", 8, "innings"), ...numbered("i", 30, "inning"), ...numbered("s", 5, "set"),
};

// numbered returns the names of n periods, such as "2nd set" for s2.
function numbered(prefix, n, noun) {
  return Object.fromEntries(Array.from({ length: n }, (_, i) => [prefix + (i + 1), nth(i + 1) + " " + noun]));
}

// inOrder returns the incidents in the order in which they happened. The order of the reports may be
// different. Periods without a name in periods are in the order of their first report.
function inOrder(incidents) {
  const names = [...new Set([...Object.keys(periods), ...incidents.map((i) => i.clock?.period)])];
  const place = (i) => {
    if (i.kind === "match_start") return [-1];
    if (["match_end", "status_change", "source_stale", "source_fresh", "kickoff_changed", "lineup"].includes(i.kind)) return [names.length];
    const phase = { period_start: -1, period_end: 1 }[i.kind] ?? 0;
    const c = i.clock ?? {};
    return [names.indexOf(c.period), phase, c.minute ?? 0, c.stoppage ?? 0, c.elapsed ?? 0, c.balls ?? 0];
  };
  const before = (a, b) => {
    for (let n = 0; n < 6; n++) if ((a[n] ?? 0) !== (b[n] ?? 0)) return (a[n] ?? 0) - (b[n] ?? 0);
    return 0;
  };
  return [...incidents].sort((a, b) => before(place(a), place(b)));
}

// chip returns the text for the status of a match.
function chip(m) {
  const { status } = m.match;
  const at = m.match.period;
  const period = periods[at] ?? at ?? "";
  switch (status) {
    case "live": return period || "Live"; // no clock, because it would stop between events
    case "break": return at?.endsWith("ht") ? period : "Break" + (period ? " after " + period : "");
    case "ended": return m.sport === "ice_hockey" ? "End of game" : "Full time";
    case "final": return m.shootout ? "Final, after a shoot-out" : "Final";
    default: return readable(status || "unknown");
  }
}

// periodName returns the name of the period of an incident.
const periodName = (i) => periods[i.clock?.period] ?? i.clock?.period ?? "a period";

// starts maps sports to texts for the start of a match.
const starts = {
  soccer: "Kick-off", rugby: "Kick-off", american_football: "Kick-off", ice_hockey: "Face-off", basketball: "Tip-off",
  baseball: "First pitch", cricket: "Start of play", tennis: "Start of play",
};

// marks maps the kinds of incidents that are centred, without a side, to their texts. An incident with
// an empty text is not shown.
const marks = {
  match_start: (i) => starts[i.key.split(".")[0]] ?? "Start", match_end: (i) => (i.key.startsWith("ice_hockey.") ? "End of game" : "Full time") + (decisions[i.decided_by] ?? ""),
  period_end: (i) => "End of " + periodName(i).toLowerCase(),
  period_start: (i) => (["1h", "p1", "q1", "inn1"].includes(i.clock?.period) ? "" : periodName(i) + " begins"),
  status_change: () => "", source_stale: () => "", source_fresh: () => "", // shown in the header
  kickoff_changed: () => "", lineup: () => "", // shown above and below the list
};

// decisions maps the ways in which a match was decided to texts for its end.
const decisions = {
  extra_time: " after extra time", shootout: " after a shoot-out", retirement: ", retired", walkover: ", walkover", award: ", awarded",
};

// row returns a true value if an incident has a line in the list.
const row = (i) => !(i.kind in marks) || marks[i.kind](i);

// line returns the line of an incident in the list.
function line(i) {
  const title = "TID " + i.tid;
  const fresh = i.fresh ? " new" : "";
  if (i.kind in marks) return el("li", { class: "mark" + fresh, title }, marks[i.kind](i));
  const note = [
    i.kind === "penalty" && "Penalty", i.detail && readable(i.detail), i.assist && "assist " + i.assist, i.off && "for " + i.off,
    i.rev > 1 && "corrected", i.provisional && "not confirmed yet",
  ].filter(Boolean).join(" · ");
  const score = i.kind === "goal" && i.score ? ` ${i.score.home}:${i.score.away}` : "";
  return el("li", { class: i.kind + fresh + (i.provisional ? " provisional" : ""), title },
    el("time", {}, i.time || "·"),
    el("span", { class: i.side || "home" }, symbol(i), " ", (i.player || readable(i.kind)) + score, note && el("small", {}, note)));
}

// symbol returns the symbol for the kind of an incident.
function symbol(i) {
  switch (i.kind) {
    case "goal": return "●";
    case "yellow_card": return el("span", { class: "card yellow", role: "img", "aria-label": "Yellow card" });
    case "red_card": return el("span", { class: "card red", role: "img", "aria-label": "Red card" });
    case "substitution": return "⇄";
    case "shootout_kick": return i.detail === "scored" ? "✓" : "✗";
    default: return "▪";
  }
}

// readable returns an identifier, like yellow_card, as text.
const readable = (s) => { s = s.replaceAll("_", " "); return s[0].toUpperCase() + s.slice(1).toLowerCase(); };
