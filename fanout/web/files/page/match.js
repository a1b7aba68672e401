// The view of one match.
import { html, useState } from "../dist/preact.js";
import { Board, Crest } from "./board.js";
import { Chip, chipOf, hides, Pin, Reveal, staleText } from "./card.js";
import { Chart } from "./chart.js";
import { focusOn } from "./focus.js";
import { fullText, innings, secondsText, shortPeriod, timeText } from "./format.js";
import { Icon, Shape } from "./icons.js";
import { changes, isMark, periodOf, rows, timeOf, words } from "./incidents.js";
import { Inspect } from "./inspect.js";
import { change, setting } from "./settings.js";
import { clock } from "./format.js";
import { situation } from "./situation.js";
import { capital, sportName, statusName, t } from "./words.js";

// MatchView shows everything that is known about a match.
export function MatchView({ id, model, back }) {
  const { m, marks, scored } = model.view(id).value;
  const [revealed, reveal] = useState(false);
  const [newest, setNewest] = useState(true);
  if (!m) return html`<p class="empty">${t(model.loaded.value ? "notFound" : "loading")} <a href=${back.href} onClick=${back.onClick}>${t("back")}</a></p>`;
  const hidden = hides(m) && !revealed;
  const name = t("details", { home: m.match.home, away: m.match.away });
  const now = situation(m);
  return html`<article class=${"match" + (m.match.stale ? " stale" : "")} aria-labelledby="match-name" data-match=${id}>
    <nav><a class="back" href=${back.href} onClick=${back.onClick}><${Shape} name="left" /> ${t("back")}</a>
      <${Pin} id=${id} name=${name} /></nav>
    <section class="panel hero">
      <p class="where">${sportName(m.sport)} · ${m.league}</p>
      <h2 id="match-name" class="sr" tabindex="-1">${name}</h2>
      <${Chip} ...${chipOf(m)} view=${model.view(id)} />
      <div class="versus" aria-hidden="true">
        <${Side} m=${m} side="home" hidden=${hidden} />
        <span class=${"big" + (scored && !hidden ? " scored " + scored : "")} key=${[m.score?.home, m.score?.away].join()}>${hidden ? "• : •" : bigScore(m)}</span>
        <${Side} m=${m} side="away" hidden=${hidden} />
      </div>
      ${m.shootout && !hidden && html`<p class="note">${t("shootout", m.shootout)}</p>`}
      ${now && !hidden && html`<p class="note situation">${now}</p>`}
      ${hidden && html`<${Reveal} name=${name} act=${(e) => { reveal(true); focusOn("#match-name", e); }} />`}
      ${m.match.stale && html`<p class="note warn"><${Shape} name="warn" /> ${staleText(m)}</p>`}
      ${m.partial && html`<p class="note">${t("partial")}</p>`}
      <div class=${hasParts(m) && !hidden ? "scroll" : "sr"} tabindex=${hasParts(m) && !hidden ? 0 : undefined} role="group" aria-label=${t("lineScore")}><${Board} m=${m} whole=${true} hidden=${hidden} caption=${t("lineScore")} /></div>
    </section>
    <div class="columns"><div class="main">
      <section class="panel"><header class="bar"><h3 id="timeline" tabindex="-1">${t("timeline")}</h3>
        <button type="button" class="plain" onClick=${() => setNewest(!newest)}>${t(newest ? "oldest" : "newest")}</button></header>
        ${hidden ? html`<p class="note">${t("hidden")}</p>` : html`<${Timeline} m=${m} marks=${marks} newest=${newest} />`}</section>
    </div><div class="aside">
      ${!hidden && html`<${Chart} m=${m} />`}
      <${Lineups} m=${m} />
      <${About} m=${m} />
    </div></div>
  </article>`;
}

// hasParts reports whether the score by period says more than the score.
const hasParts = (m) => !!m.line_score && m.sport !== "cricket";

// Side is a team beside the score.
function Side({ m, side, hidden }) {
  const reds = hidden ? 0 : m.incidents.filter((i) => i.kind === "red_card" && i.side === side).length;
  return html`<span class="side"><${Crest} team=${m.match[side]} /><span class="name">${m.match[side]} ${reds > 0 && html`<span class="reds">${reds > 1 ? reds : ""}</span>`}</span></span>`;
}

// bigScore returns the score of a match. In cricket, it is the latest innings of each side.
function bigScore(m) {
  if (m.sport === "cricket" && m.line_score) return ["home", "away"].map((side) => innings(m.line_score[side]) || "–").join(" : ");
  return m.score ? `${m.score.home} : ${m.score.away}` : "– : –";
}

// Timeline lists the incidents with a heading for each period.
function Timeline({ m, marks, newest }) {
  const kinds = setting.kind.value;
  const all = rows(m, kinds);
  const left = kinds.length ? rows(m).length - all.length : 0;
  if (!all.length && !left) return html`<p class="note">${t("timeline.empty")}</p>`;
  return html`${left > 0 && html`<p class="note filtered">${t("timeline.filtered", { n: left })} <button type="button" class="plain" onClick=${(e) => { change({ kind: [] }); focusOn("#timeline", e); }}>${t("timeline.all")}</button></p>`}
    <ol class="timeline">${(newest ? all.toReversed() : all).map((row, n) => html`<${Row} key=${row.i.incident || row.i.tid + n} row=${row} m=${m} mark=${marks.get(row.i.incident)} />`)}</ol>`;
}

// Row is one incident. A retracted incident is struck through. A correction shows the old and the new value.
function Row({ row: { i, gone, score }, m, mark }) {
  const [name, notes] = words(i, m);
  const classes = ["row", i.kind, i.side ?? "", isMark(i) && "mark", gone && "gone", i.provisional && "provisional", mark && "m-" + mark].filter(Boolean).join(" ");
  const changed = changes(i);
  const who = [i.player, !i.player && i.side && i.team].filter(Boolean).join("");
  return html`<li class=${classes}>
    <span class="time"><span aria-hidden="true">${shortPeriod(i.clock)} </span>${timeOf(i)}${!isMark(i) && html`<span class="sr"> ${periodOf(i)}</span>`}</span>
    <${Icon} i=${i} />
    <span class="what"><${gone ? "s" : "span"} class="fact"><b>${name}</b>${who && html` <span class="who">${who}</span>`}${notes.length > 0 && html` <small>${notes.join(" · ")}</small>`}</${gone ? "s" : "span"}>
      ${i.side && html`<span class="sr">, ${m.match[i.side]}</span>`}
      ${gone && html`<span class="fix"><span class="tag">${takenBack(i, m)}</span>${i.retraction.reason && html` <small>${t("reason", { reason: i.retraction.reason })}</small>`}</span>`}
      ${!gone && (changed.length > 0 || i.changes) && html`<span class="fix"><span class="tag">${t("corrected")}</span> ${changed.map(({ name: member, old, now }) => html`<span class="change" key=${member}>${capital(member)}: <s>${old}</s> → <ins>${now}</ins> </span>`)}${i.reason && html`<small>${t("reason", { reason: i.reason })}</small>`}</span>`}
      ${!gone && !i.changes && i.rev > 1 && html`<span class="fix"><span class="tag">${t("corrected")}</span></span>`}
      ${mark === "missed" && html`<span class="fix"><span class="tag missed">${t("missed.mark")}</span></span>`}</span>
    ${i.side && html`<span class="owner"><${Crest} team=${m.match[i.side]} /></span>`}
    ${score && html`<span class="running">${gone ? html`<s>${score.home}–${score.away}</s>` : `${score.home}–${score.away}`}</span>`}
    <${Inspect} i=${i} m=${m} />
  </li>`;
}

// takenBack returns a text such as Taken back 27'.
export function takenBack(i, m) {
  const { clock: c, at } = i.retraction;
  const time = clock(c, m.sport) || (at && timeText(at));
  return time ? t("takenBackAt", { time }) : t("takenBack");
}

// Lineups shows the line-ups of both sides.
function Lineups({ m }) {
  const both = ["home", "away"].map((side) => m.incidents.findLast((i) => i.lineup && i.side === side)).filter(Boolean);
  if (!both.length) return null;
  const player = (p) => html`<li key=${p.name + p.number}><span class="number">${p.number ?? ""}</span> ${p.name}${p.position && html` <small>${p.position}</small>`}</li>`;
  return html`<section class="panel"><h3>${t("lineups")}</h3><div class="lineups">${both.map((i) => html`<div key=${i.side} class="lineup">
    <h4>${m.match[i.side]} ${i.lineup.formation && html`<small>${i.lineup.formation}</small>`}</h4>
    <ul>${i.lineup.players.filter((p) => !p.substitute).map(player)}</ul>
    ${i.lineup.players.some((p) => p.substitute) && html`<h5>${t("substitutes")}</h5><ul>${i.lineup.players.filter((p) => p.substitute).map(player)}</ul>`}
    ${i.lineup.coach && html`<p>${t("coach", { name: i.lineup.coach })}</p>`}
  </div>`)}</div></section>`;
}

// About lists facts about the match and its last change.
function About({ m }) {
  const facts = [
    [t("league.label"), m.league], m.match.start && [t("start.label"), fullText(m.match.start)], [t("status.label"), capital(statusName(m.match.status))],
    [t("updated"), m.replay ? fullText(m.updated) : secondsText(m.updated)], [t("id.label"), html`<code>${m.match.id}</code>`], [t("tid.label"), html`<code>${m.tid}</code>`],
  ].filter(Boolean);
  return html`<section class="panel"><h3>${t("about")}</h3><dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}
