// The controls: search, filters and settings.
import { html, useComputed, useSignal, useState } from "../dist/preact.js";
import { focusOn } from "./focus.js";
import { plain } from "./format.js";
import { Shape } from "./icons.js";
import { clear } from "./list.js";
import { rank, shown } from "./model.js";
import { change, setting, settings, toggled } from "./settings.js";
import { capital, kindName, languages, sportName, t } from "./words.js";

const sorted = (all) => [...all].sort((a, b) => (plain(a) < plain(b) ? -1 : 1));

// Controls shows the bar with the sports and the search, and the panels that it opens. inMatch is true in the
// view of a match, which needs no sports and no search, and only the filter of the timeline.
export function Controls({ model, extra, inMatch }) {
  const [panel, open] = useState("");
  const toggle = (name) => open(panel === name ? "" : name);
  const filtered = (inMatch ? ["kind"] : ["league", "team", "kind"]).reduce((n, name) => n + setting[name].value.length, 0);
  const escape = (e) => {
    if (e.key !== "Escape" || !panel) return;
    open("");
    document.getElementById("open-" + panel)?.focus();
  };
  return html`<div class="controls" role=${inMatch ? "region" : "search"} aria-label=${t("menu")} onKeyDown=${escape}>
    ${!inMatch && html`<${Sports} model=${model} />`}
    <div class="tools">
      ${!inMatch && html`<label class="search"><${Shape} name="search" /><span class="sr">${t("search")}</span>
        <input type="search" id="search" placeholder=${t("search.hint")} value=${setting.q.value} maxlength="200" onInput=${(e) => change({ q: e.target.value })} /></label>`}
      <button type="button" id="open-filter" class="tool" aria-expanded=${String(panel === "filter")} aria-controls="panel" onClick=${() => toggle("filter")}><${Shape} name="sliders" /> ${t("filters")}${filtered > 0 && html` <span class="badge">${filtered}</span>`}</button>
      <button type="button" id="open-settings" class="tool" aria-expanded=${String(panel === "settings")} aria-controls="panel" onClick=${() => toggle("settings")}>${t("settings")}</button>
    </div>
    <div id="panel" class="drawer" hidden=${!panel}>
      ${panel === "filter" && html`<${Filter} model=${model} inMatch=${inMatch} />`}
      ${panel === "settings" && html`<${Settings} extra=${extra} />`}
    </div>
  </div>`;
}

// Sports are the buttons that choose sports, and the matches in play.
function Sports({ model }) {
  const counts = useComputed(() => {
    model.places.value;
    const all = new Map();
    let live = 0;
    for (const id of model.ids.value) {
      const m = model.matches.get(id);
      if (!m) continue;
      all.set(m.sport, (all.get(m.sport) ?? 0) + 1);
      if (rank(m.match.status) === 0) live++;
    }
    for (const sport of setting.sport.value) if (!all.has(sport)) all.set(sport, 0);
    return { all: [...all].sort(([a], [b]) => (a < b ? -1 : 1)), live };
  }).value;
  const chosen = setting.sport.value;
  return html`<div class="sports" role="group" aria-label=${t("sport")}>
    <button type="button" class="choice" aria-pressed=${String(!chosen.length)} onClick=${() => change({ sport: [] })}>${t("all")}</button>
    <button type="button" class="choice" aria-pressed=${String(setting.live.value)} onClick=${() => change({ live: !setting.live.value })}><span class="pulse" aria-hidden="true"></span>${t("liveOnly")} <span class="count">${counts.live}</span></button>
    ${counts.all.map(([sport, n]) => html`<button type="button" class="choice" key=${sport} aria-pressed=${String(chosen.includes(sport))} onClick=${() => change({ sport: toggled(settings.peek().sport, sport) })}>${sportName(sport)} <span class="count">${n}</span></button>`)}
  </div>`;
}

// Filter is the panel that chooses leagues, teams, kinds and the order. In the view of a match, it chooses only kinds.
function Filter({ model, inMatch }) {
  model.places.value; // the choices change with the matches
  const sports = setting.sport.value;
  const all = model.ids.value.map((id) => model.matches.get(id)).filter((m) => m && (!sports.length || sports.includes(m.sport)));
  const leagues = sorted(new Set(all.map((m) => m.league)));
  const teams = sorted(new Set(all.flatMap((m) => [m.match.home, m.match.away])));
  const kinds = new Map();
  for (const m of all) for (const i of m.incidents) if (shown(i.kind) && !kinds.has(i.kind)) kinds.set(i.kind, capital(kindName({ ...i, detail: "", points: 0 })[0]));
  for (const kind of setting.kind.value) if (!kinds.has(kind)) kinds.set(kind, capital(kind.replaceAll("_", " ")));
  const kind = html`<${Several} name="kind" label=${t("kind")} all=${[...kinds].sort((a, b) => (a[1] < b[1] ? -1 : 1))} />`;
  if (inMatch) return html`<form onSubmit=${(e) => e.preventDefault()}>${kind}</form>`;
  return html`<form onSubmit=${(e) => e.preventDefault()}>
    <${Several} name="league" label=${t("league")} all=${leagues.map((l) => [l, l])} />
    <${Several} name="team" label=${t("team")} all=${teams.map((l) => [l, l])} />
    ${kind}
    <${One} name="sort" label=${t("sort")} all=${["start", "recent", "name"].map((v) => [v, t("sort." + v)])} />
    <p class="actions"><button type="button" onClick=${clear}>${t("clear")}</button></p>
  </form>`;
}

// Settings is the panel with the settings that are no filters.
function Settings({ extra }) {
  const delays = [0, 5, 10, 20, 30, 60, 120, 300];
  const delay = setting.delay.value;
  if (!delays.includes(delay)) delays.push(delay);
  const seconds = (n) => (!n ? t("delay.none") : n < 60 || n % 60 ? t("seconds", { n }) : t("minutes", { n: n / 60 }));
  return html`<form onSubmit=${(e) => e.preventDefault()}>
    <${One} name="lang" label=${t("language")} all=${[["auto", t("auto")], ...Object.entries(languages)]} />
    <${One} name="time" label=${t("time")} all=${[["auto", t("auto")], ["24", t("time.24")], ["12", t("time.12")]]} />
    <${One} name="theme" label=${t("theme")} all=${[["auto", t("auto")], ["light", t("theme.light")], ["dark", t("theme.dark")]]} />
    <label class="field"><span>${t("delay")}</span><select id="set-delay" aria-describedby="delay-help" value=${String(delay)} onChange=${(e) => change({ delay: Number(e.target.value) })}>
      ${delays.sort((a, b) => a - b).map((n) => html`<option key=${n} value=${String(n)} selected=${n === delay}>${seconds(n)}</option>`)}</select><small id="delay-help">${t("delay.help")}</small></label>
    <${Check} label=${t("hideScores")} id="set-scores" on=${setting.scores.value === "hidden"} set=${(on) => change({ scores: on ? "hidden" : "shown" })} />
    <${Check} label=${t("sound")} id="set-sound" on=${setting.sound.value} set=${(on) => change({ sound: on })} />
    ${extra}
  </form>`;
}

// One is a choice of one value.
function One({ name, label, all }) {
  const value = setting[name].value;
  return html`<label class="field"><span>${label}</span><select id=${"set-" + name} value=${value} onChange=${(e) => change({ [name]: e.target.value })}>
    ${all.map(([v, text]) => html`<option key=${v} value=${v} selected=${v === value}>${text}</option>`)}</select></label>`;
}

// Several is a choice of any number of values. Each chosen value is a button that removes it. An arrow key in a
// select changes its value at once, so with the keyboard, the reader chooses with Enter, or by going on.
function Several({ name, label, all }) {
  const chosen = setting[name].value;
  const text = new Map(all);
  const marked = useSignal(""); // the value that the keyboard is at
  const byKey = useSignal(false);
  const choose = (value) => {
    marked.value = "";
    if (value) change({ [name]: toggled(settings.peek()[name], value) });
  };
  const key = (e) => {
    byKey.value = ![" ", "Enter", "F4"].includes(e.key) && !e.altKey; // these open the list, which reports only a choice
    if (e.key === "Escape") marked.value = "";
    if (e.key === "Enter" && marked.peek()) e.preventDefault(), choose(marked.peek());
  };
  const pick = (e) => {
    if (byKey.peek()) return void (marked.value = e.target.value);
    choose(e.target.value);
    e.target.value = "";
  };
  const remove = (value, e) => {
    change({ [name]: toggled(settings.peek()[name], value) });
    focusOn("#set-" + name, e);
  };
  return html`<div class="field"><label for=${"set-" + name}>${label}</label><select id=${"set-" + name} value=${marked.value} onPointerDown=${() => { byKey.value = false; }} onKeyDown=${key} onChange=${pick} onBlur=${() => choose(marked.peek())}>
      <option value="">${t("any")}</option>${all.filter(([v]) => !chosen.includes(v)).map(([v, text]) => html`<option key=${v} value=${v}>${text}</option>`)}</select>
    ${chosen.length > 0 && html`<ul class="chosen">${chosen.map((v) => html`<li key=${v}><button type="button" aria-label=${t("remove", { what: text.get(v) ?? v })} onClick=${(e) => remove(v, e)}>${text.get(v) ?? v} <${Shape} name="close" /></button></li>`)}</ul>`}</div>`;
}

const Check = ({ label, id, on, set }) => html`<label class="check"><input type="checkbox" id=${id} checked=${on} onChange=${(e) => set(e.target.checked)} /> <span>${label}</span></label>`;
