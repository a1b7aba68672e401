// The score of a match: the teams, the score by period, and the total.
import { html } from "../dist/preact.js";
import { hue, initials, innings, partName } from "./format.js";
import { t } from "./words.js";

// Crest is shown in place of the crest of a team. It shows the initials of the team.
export const Crest = ({ team }) => html`<span class="crest c${hue(team)}" aria-hidden="true">${initials(team)}</span>`;

// hasTotal reports whether the score is a total. In tennis, it counts the games of the current set, and
// in cricket, the line score says more.
const hasTotal = (m) => m.sport !== "tennis" && !(m.sport === "cricket" && m.line_score);

// alwaysParts lists sports whose cards show the score by period.
const alwaysParts = ["tennis", "basketball", "american_football", "baseball", "ice_hockey"];

// Board is a table with a row for each side. whole is true for all parts. Otherwise the table has the
// parts only in sports whose readers expect them, and at most the last ones that fit. Their numbers are visible if the first ones are left out.
export function Board({ m, whole, hidden, scored, caption }) {
  const line = m.line_score;
  const most = m.sport === "baseball" ? 12 : 9;
  const count = line && m.sport !== "cricket" && (whole || alwaysParts.includes(m.sport)) ? Math.max(line.home?.length ?? 0, line.away?.length ?? 0) : 0;
  const first = whole || m.sport === "tennis" ? 0 : Math.max(0, count - (m.sport === "baseball" ? 3 : 5));
  const parts = hidden ? [] : Array.from({ length: Math.min(count - first, whole ? 30 : most) }, (_, n) => first + n);
  const total = hasTotal(m);
  return html`<table class=${"board" + (whole ? " whole" : "")}>
    <caption class="sr">${caption}</caption>
    <thead class=${parts.length && (whole || first > 0) ? "" : "sr"}><tr>
      <th scope="col"><span class="sr">${t("team")}</span></th>
      ${parts.map((n) => html`<th scope="col" key=${n}>${partName(m.sport, n)}</th>`)}
      <th scope="col" class="total">${total ? t("total") : t("score")}</th>
    </tr></thead>
    <tbody>${["home", "away"].map((side) => html`<${Row} ...${rowOf(m, side, parts, total, hidden, count - 1)} scored=${scored === side && !hidden} />`)}</tbody>
  </table>`;
}

// rowOf returns the props of the row of a side. Each is a primitive value, so Preact renders the row again only if one
// of them changes.
function rowOf(m, side, parts, total, hidden, last) {
  const line = m.line_score?.[side];
  const plays = m.match.situation?.batting ?? m.match.situation?.serving ?? m.match.situation?.possession;
  const isInnings = m.sport === "cricket" && !total;
  return {
    side, team: m.match[side], hidden, won: winner(m, hidden) === side, plays: plays === side && !hidden && m.match.status === "live",
    reds: hidden ? 0 : m.incidents.filter((i) => i.kind === "red_card" && i.side === side).length,
    text: String(hidden ? "•" : total ? m.score?.[side] ?? "–" : isInnings ? innings(line) || (m.line_score ? t("yetToBat") : "–") : m.match.situation?.points?.[side] ?? ""),
    long: isInnings, parts: parts.map((n) => line?.[n]?.runs ?? "").join(), count: parts.length, now: m.match.status === "live" ? parts.indexOf(last) : -1,
  };
}

function Row({ side, team, hidden, won, plays, reds, text, long, parts, count, now, scored }) {
  return html`<tr class=${side + (won ? " won" : "")}>
    <th scope="row"><span class="team"><${Crest} team=${team} /><span class="name">${team}</span>
      ${plays && html`<span class="ball" aria-hidden="true"></span>`}
      ${reds > 0 && html`<span class="reds"><span aria-hidden="true">${reds > 1 ? reds : ""}</span><span class="sr">${t("redCards", { n: reds })}</span></span>`}</span></th>
    ${count > 0 && parts.split(",").map((runs, n) => html`<td key=${n} class=${"part" + (n === now ? " now" : "")}>${runs}</td>`)}
    <td class=${"total" + (long ? " text" : "")}><span key=${text} class=${"goals" + (scored ? " scored" : "")}>${text}${hidden && html`<span class="sr">${t("hidden")}</span>`}</span></td>
  </tr>`;
}

// winner returns the side that has won, or "".
function winner(m, hidden) {
  if (hidden || !["ended", "final", "awarded", "retired"].includes(m.match.status)) return "";
  const said = m.incidents.findLast((i) => i.kind === "match_end")?.winner;
  if (said) return said;
  const s = m.shootout ?? m.score;
  return !s || m.sport === "tennis" || m.sport === "cricket" || s.home === s.away ? "" : s.home > s.away ? "home" : "away";
}
