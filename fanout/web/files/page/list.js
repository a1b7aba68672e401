// The list of matches: which matches the filter selects, and their order.
import { html, signal, useComputed, useEffect } from "../dist/preact.js";
import { Card } from "./card.js";
import { plain } from "./format.js";
import { rank } from "./model.js";
import { focusOn } from "./focus.js";
import { change, settings } from "./settings.js";
import { sportName, t } from "./words.js";

// selects returns a function that reports whether the settings select a match.
export function selects(s) {
  const teams = new Set(s.team.map(plain));
  const terms = plain(s.q).split(/\s+/).filter(Boolean);
  const has = (list, value) => !list.length || list.includes(value);
  return (m) => has(s.sport, m.sport) && has(s.league, m.league) && (!s.live || rank(m.match.status) === 0) &&
    (!teams.size || teams.has(plain(m.match.home)) || teams.has(plain(m.match.away))) &&
    (!s.kind.length || m.incidents.some((i) => s.kind.includes(i.kind))) && (!terms.length || finds(m, terms));
}

// finds reports whether each term occurs in the teams, the league or the players of a match.
function finds(m, terms) {
  const text = plain([m.match.home, m.match.away, m.league, m.sport, ...m.incidents.map((i) => i.player)].join(" "));
  return terms.every((term) => text.includes(term));
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// orders maps the settings of the order to functions that compare two matches.
const orders = {
  start: (a, b) => rank(a.match.status) - rank(b.match.status) || compare(a.match.start ?? "9", b.match.start ?? "9") || compare(a.match.home, b.match.home),
  recent: (a, b) => compare(b.updated, a.updated),
  name: (a, b) => compare(plain(a.match.home), plain(b.match.home)),
};

// groups returns the selected matches in groups: first the pinned matches, then a group for each league.
// Leagues with a match in play come first. Matches that are equal in the order keep the places in which they appeared.
export function groups(list, s) {
  const chosen = list.filter(selects(s)).sort(orders[s.sort] ?? orders.start);
  const all = new Map();
  for (const m of chosen) {
    const pinned = s.pin.includes(m.match.id);
    const key = pinned ? "" : m.sport + "\n" + m.league;
    if (!all.has(key)) all.set(key, { key, pinned, sport: m.sport, league: m.league, live: false, ids: [] });
    const group = all.get(key);
    group.live ||= rank(m.match.status) === 0;
    group.ids.push(m.match.id);
  }
  return [...all.values()].sort((a, b) => b.pinned - a.pinned || b.live - a.live || compare(a.sport, b.sport) || compare(a.league, b.league));
}

// limit is the number of cards that the list shows. It grows in each frame, so that the first matches of a long list
// appear early.
const limit = signal(24);

// List shows the groups.
export function List({ model, open }) {
  const all = useComputed(() => {
    model.places.value;
    return groups(model.ids.value.map((id) => model.matches.get(id)).filter(Boolean), settings.value);
  }).value;
  const most = limit.value;
  useEffect(() => {
    if (most >= 4000 || most >= model.ids.peek().length) return;
    const frame = requestAnimationFrame(() => { limit.value = most * 2; });
    return () => cancelAnimationFrame(frame);
  }, [most, all]);
  if (!model.loaded.value && !all.length) return html`<p class="empty">${t("loading")}</p>`;
  if (!all.length) {
    return model.matches.size === 0 ? html`<p class="empty">${t("empty")}</p>` : html`<p class="empty">${t("empty.filtered")}
      <button type="button" onClick=${(e) => { clear(); focusOn("#main", e); }}>${t("clear")}</button></p>`;
  }
  let left = most;
  const shown = all.map((group) => {
    const ids = group.ids.slice(0, left);
    left -= ids.length;
    return { ...group, shown: ids };
  }).filter((group) => group.shown.length);
  return html`<div class="groups">${shown.map((group) => html`<section key=${group.key} class=${"group n" + Math.min(4, group.ids.length)}>
    <h2>${group.pinned ? t("pinned") : html`<span class="sport">${sportName(group.sport)}</span> <span class="league">${group.league}</span>`} <span class="count">${t("matches", { n: group.ids.length })}</span></h2>
    <ul class="cards">${group.shown.map((id) => html`<${Card} key=${id} id=${id} model=${model} open=${open} />`)}</ul>
  </section>`)}</div>`;
}

// clear removes the filter.
export const clear = () => change({ sport: [], league: [], team: [], kind: [], live: false, q: "" });
