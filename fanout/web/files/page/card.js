// A card shows one match in the list.
import { html, useComputed, useState } from "../dist/preact.js";
import { Board } from "./board.js";
import { agoText, clockText, kickOffText, statusText, timeText } from "./format.js";
import { focusOn, within } from "./focus.js";
import { Icon, Shape } from "./icons.js";
import { latestOf, placeOf, scorersOf, words } from "./incidents.js";
import { rank } from "./model.js";
import { change, setting, settings, toggled } from "./settings.js";
import { situation } from "./situation.js";
import { t } from "./words.js";

// Card shows the match with the given ID. It is rendered again only when this match changes.
export function Card({ id, model, open }) {
  const { m, marks, scored } = model.view(id).value;
  const [revealed, reveal] = useState(false);
  if (!m) return null;
  const hidden = hides(m) && !revealed;
  const name = t("details", { home: m.match.home, away: m.match.away });
  const live = rank(m.match.status) === 0;
  const missed = [...marks.values()].includes("missed");
  const state = ["card", live && "live", rank(m.match.status) === 2 && "over", m.match.stale && "stale", missed && "missed", scored && !hidden && "goal"];
  return html`<li class=${state.filter(Boolean).join(" ")} data-match=${id}><article aria-labelledby=${"name-" + id}>
    <header>
      <h3 class="cover"><a id=${"name-" + id} href=${link(id)} onClick=${(e) => open(e, id)}>${name}</a></h3>
      <${Chip} ...${chipOf(m)} view=${model.view(id)} />
      <${Pin} id=${id} name=${name} />
    </header>
    <${Board} m=${m} hidden=${hidden} scored=${scored} caption=${t("score")} />
    ${hidden ? html`<${Reveal} name=${name} act=${(e) => { reveal(true); focusOn(within(id, ".cover a"), e); }} />` : html`<${Notes} m=${m} />`}
    ${m.match.stale && html`<p class="note warn"><${Shape} name="warn" /> ${staleText(m)}</p>`}
    ${missed && html`<p class="note missed">${t("missed.mark")}</p>`}
  </article></li>`;
}

// hides reports whether the reader has hidden the score of a match, and there is something to hide.
export const hides = (m) => setting.scores.value === "hidden" && (rank(m.match.status) !== 1 || !!m.score);

// Reveal is the button that shows the score of the match with a name.
export const Reveal = ({ name, act }) => html`<p class="note"><button type="button" class="plain" onClick=${act}>${t("showScore")}<span class="sr">: ${name}</span></button></p>`;

// staleText returns since when a source has no news, and why.
export function staleText(m) {
  const { since, reason } = m.match.stale;
  return [t("stale", { time: timeText(since) }), reason && t("reason", { reason })].filter(Boolean).join(". ");
}

// link returns the address of the match view. It keeps the query, which holds the settings.
export const link = (id) => root.href + "match/" + encodeURIComponent(id) + location.search;

// root is the address of the list of matches.
export const root = new URL("..", import.meta.url);

// Pin is the button that pins a match. Its card moves, and the focus moves with it.
export function Pin({ id, name }) {
  const pinned = setting.pin.value.includes(id);
  const act = (e) => {
    change({ pin: toggled(settings.peek().pin, id) });
    focusOn(within(id, ".pin"), e);
  };
  return html`<button type="button" class="pin" aria-pressed=${String(pinned)} title=${t("pin", { match: name })} onClick=${act}><${Shape} name=${pinned ? "pinned" : "pin"} /></button>`;
}

// chipOf returns the props of the chip of a match. All are strings or booleans, so Preact renders the chip again only if
// one of them changes.
export function chipOf(m) {
  const scheduled = m.match.status === "scheduled" && m.match.start;
  return { live: rank(m.match.status) === 0, text: scheduled ? kickOffText(m.match.start) : statusText(m), clock: m.match.status === "live", replay: !!m.replay };
}

// Chip is the status of a match, with its clock and the time since its last change.
export function Chip({ live, text, clock, replay, view }) {
  return html`<p class=${"chip" + (live ? " live" : "")}>
    ${live && html`<span class="pulse" aria-hidden="true"></span>`}
    <span>${text}</span>
    ${clock && html`<${Clock} view=${view} />`}
    ${replay && html`<span class="tag">${t("replay")}</span>`}
  </p>`;
}

// Clock is the ticking clock of a match, with the time since its last change. The page does not know when the source was
// last polled, because the stream contains only changes. Only the texts of Clock change with the time.
function Clock({ view }) {
  const text = useComputed(() => view.value.m && clockText(view.value.m));
  const age = useComputed(() => (!view.value.m || view.value.m.replay ? "" : t("changed", { ago: agoText(view.value.m.updated) })));
  return html`<b class="clock">${text}</b> <span class="age">${age}</span>`;
}

// Notes are the lines below the score: the scorers or the latest incident, and the situation.
function Notes({ m }) {
  const both = scorersOf(m);
  const now = situation(m);
  const latest = !both && rank(m.match.status) === 0 && latestOf(m);
  const upcoming = rank(m.match.status) === 1 && m.match.start;
  return html`
    ${both && (both.home.length + both.away.length > 0) && html`<div class="scorers">${["home", "away"].map((side) => html`<ul class=${side} key=${side} aria-label=${m.match[side]} aria-hidden=${!both[side].length}>
      ${both[side].slice(-4).map(([player, times]) => html`<li key=${player}><span class="who">${player}</span> <span class="when">${times.map((time) => time.replaceAll(" ", "\u00a0")).join(", ")}</span></li>`)}
      ${both[side].length > 4 && html`<li class="rest">${t("more", { n: both[side].length - 4 })}</li>`}</ul>`)}</div>`}
    ${latest && html`<p class="note latest"><${Icon} i=${latest} /> ${[placeOf(latest), words(latest, m)[0], latest.player].filter(Boolean).join(" · ")}</p>`}
    ${m.shootout && html`<p class="note">${t("shootout", m.shootout)}</p>`}
    ${now && html`<p class="note situation">${now}</p>`}
    ${upcoming && m.match.status !== "scheduled" && html`<p class="note">${t("kickOff", { time: kickOffText(m.match.start) })}</p>`}`;
}
