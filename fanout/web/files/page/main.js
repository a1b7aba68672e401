// The live page: it connects the stream, the model and the views.
import { effect, html, render, signal, useEffect, useSignal } from "../dist/preact.js";
import { follow } from "../live.js";
import { Alerts } from "./alerts.js";
import { announcement } from "./announce.js";
import { named, notice, seen } from "./attention.js";
import { Card, root } from "./card.js";
import { Controls } from "./controls.js";
import { focusOn } from "./focus.js";
import { now, timeText } from "./format.js";
import { Shape } from "./icons.js";
import { List, selects } from "./list.js";
import { MatchView } from "./match.js";
import { Model } from "./model.js";
import { fields, setting, settings, showInURL, stream as streamOptions } from "./settings.js";
import * as watch from "./watch.js";
import { load, t } from "./words.js";

const { Demo } = document.querySelector("meta[name=matchwire-demo]") ? await import("../demo.js") : {};
const model = new Model();
const route = signal(routeOf()); // the ID of the match in view, or "" for the list

// embedded is true if the page is in the iframe of embed.js. It then has no header and no controls.
const embedded = /^embed(\/|$)/.test(location.pathname.slice(root.pathname.length));

// routeOf returns the ID of the match in the address, or "".
function routeOf() {
  const rest = location.pathname.slice(root.pathname.length);
  try {
    return decodeURIComponent(/^(?:match|embed)\/(.+)$/.exec(rest)?.[1] ?? "");
  } catch {
    return "";
  }
}

// go shows a match, or the list if id is "".
function go(id) {
  const to = new URL(id ? "match/" + encodeURIComponent(id) : ".", root);
  to.search = location.search;
  history.pushState({ from: route.peek(), y: scrollY }, "", to);
  arrive();
}

const places = new Map(); // scroll positions of the list

// arrive shows the match or the list that the address names. The focus moves to the name of the match, or to the card of
// the match that the reader has left.
function arrive() {
  const left = route.peek();
  if (!left) places.set("", scrollY);
  route.value = routeOf();
  requestAnimationFrame(() => {
    scrollTo(0, route.peek() ? 0 : places.get("") ?? 0);
    const to = document.getElementById(route.peek() ? "match-name" : "name-" + left) ?? document.getElementById("main");
    to.focus({ preventScroll: true });
  });
}

// open handles a click on a link to a match. It leaves clicks that open a new tab to the browser.
function open(event, id) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (embedded) window.open(event.currentTarget.href, "_blank", "noopener"); // the iframe keeps its view
  else go(id);
}

let connection = null;
let scope = null; // the ID of the match that the stream is limited to, or ""
let playing = 0; // when the playback began, in real time

// connect starts the stream. If only is the ID of a match, the stream has only this match.
function connect(only) {
  connection?.close();
  if (scope !== null) model.reset();
  scope = only;
  playing = 0;
  const options = streamOptions();
  if (only) options.match = [only];
  connection = follow(new URL("ws", root), { ...options, ...model.options(), conflate: true });
}

function tick() {
  const { from, speed, delay } = settings.peek();
  if (from && !playing && model.loaded.peek()) playing = Date.now();
  now.value = from ? watch.clock(from, speed, playing) : Date.now() - delay * 1000;
}

// Status shows the state of the connection.
function Status() {
  const { name, seconds, reason } = model.connection.value;
  const text = name === "waiting" && seconds ? t("state.waitingFor", { seconds }) : name === "live" && setting.from.value ? t("state.again") :
    name === "live" && setting.delay.value ? t("state.delayed", { seconds: setting.delay.value }) : t("state." + name);
  return html`<p id="state" class="state" data-state=${name} title=${reason}>${text}</p>`;
}

// Notices are the lines above the matches: offline, missed events, and matches that the server no longer has.
function Notices() {
  const { name, since, reason } = model.connection.value;
  const { events, ids } = model.missed.value;
  const offline = ["waiting", "ended"].includes(name) || (name === "connecting" && model.loaded.value);
  if (!offline && !events && !model.partial.value) return null;
  return html`<aside class="notices">
    ${offline && html`<p id="offline" class="notice off"><${Shape} name="off" /> <span>${t("offline.since", { time: timeText(since) })} ${reason && t("offline.reason", { reason })}</span></p>`}
    ${events > 0 && html`<p id="missed" class="notice"><span>${t("missed", { n: events, matches: t("matches", { n: ids.length }) })}</span> <button type="button" onClick=${(e) => { model.dismissMissed(); focusOn("#main", e); }}>${t("dismiss")}</button></p>`}
    ${model.partial.value && html`<p id="partial" class="notice partial"><span>${t("partial")}</span></p>`}
  </aside>`;
}

// Extra are the controls that act on the matches: watch again and notifications.
function Extra() {
  if (setting.from.value) return null;
  const all = () => (route.peek() ? [model.matches.get(route.peek())] : model.matches.list().filter(selects(settings.peek()))).filter(Boolean);
  return html`<p class="actions"><button type="button" id="watch" onClick=${() => all().length && watch.start(all())}><${Shape} name="again" /> ${t("watch")}</button></p>`;
}

// found returns how many matches the filter selects, as a text.
function found() {
  const n = model.matches.list().filter(selects(settings.peek())).length;
  return n ? t("matches", { n }) : t("empty.filtered");
}

// later returns a function that calls f once, some time after the last call.
function later(ms, f) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(f, ms);
  };
}

// Announcer is the live region. It says what happened, how many matches a changed filter selects, whether the
// connection is lost, and what the reader has missed.
function Announcer() {
  const text = useSignal({ n: 0, text: "" });
  useEffect(() => {
    let news = [], timer = null;
    const say = (sentence) => { if (sentence) text.value = { n: text.peek().n + 1, text: sentence }; };
    const flush = () => {
      timer = null;
      const chosen = selects(settings.peek());
      const heard = news.filter(({ after }) => (route.peek() ? after.match.id === route.peek() : chosen(after)));
      news = [];
      say(announcement(heard, settings.peek().scores === "hidden", !!route.peek()));
    };
    model.onNews((more) => {
      news = [...news, ...more].slice(-500);
      timer ??= setTimeout(flush, 700);
    });
    const sayFound = later(1000, () => { if (!route.peek() && model.loaded.peek()) say(found()); });
    let filter = null;
    const stopFilter = effect(() => {
      const chosen = JSON.stringify(Object.keys(fields).filter((name) => fields[name].filter).map((name) => settings.value[name]));
      if (filter !== null && filter !== chosen) sayFound();
      filter = chosen;
    });
    const sayMissed = later(1500, () => {
      const { events, ids } = model.missed.peek();
      if (events) say(t("missed", { n: events, matches: t("matches", { n: ids.length }) }));
    });
    const stopMissed = effect(() => { if (model.missed.value.events) sayMissed(); });
    let before = "live";
    const stopConnection = effect(() => {
      const { name } = model.connection.value;
      if (name === "waiting" && before === "live" && model.loaded.peek()) say(t("say.lost"));
      if (name === "live" && before === "lost") say(t("say.back"));
      if (name !== "connecting") before = name === "live" ? "live" : "lost";
    });
    return () => { stopFilter(); stopMissed(); stopConnection(); };
  }, []);
  return html`<div id="announce" class="sr" role="status" aria-live="polite" aria-atomic="true"><p key=${text.value.n}>${text.value.text}</p></div>`;
}

// Embedded is the page in an iframe: the list, or the card of one match.
function Embedded() {
  const id = route.value;
  const { name } = model.connection.value;
  useEffect(() => {
    const size = new ResizeObserver(() => parent.postMessage({ matchwireHeight: Math.ceil(document.body.getBoundingClientRect().height) }, "*"));
    size.observe(document.body);
    return () => size.disconnect();
  }, []);
  const known = id && model.view(id).value.m;
  return html`<${Notices} />
    <main id="main" class=${model.loaded.value && name !== "live" ? "offline" : ""}>${!id ? html`<${List} model=${model} open=${open} />` :
      known ? html`<ul class="cards"><${Card} id=${id} model=${model} open=${open} /></ul>` : html`<p class="empty">${t(model.loaded.value ? "notFound" : "loading")}</p>`}</main>
    <${Announcer} />`;
}

function App() {
  const id = route.value;
  const back = { href: new URL("." + location.search, root).href, onClick: (e) => open(e, "") };
  const { name } = model.connection.value;
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>${t("skip")}</a>
    <header class="top"><h1><a href=${back.href} onClick=${back.onClick}><img src=${new URL("icon.svg", root).href} alt="" width="26" height="26" /> matchwire <span>${t("live").toLowerCase()}</span></a></h1><${Status} /></header>
    <${Controls} model=${model} inMatch=${!!id} extra=${html`<${Extra} /><${Alerts} model=${model} />`} />
    ${Demo && html`<${Demo} />`}
    <${watch.Watch} />
    <${Notices} />
    <main id="main" tabindex="-1" class=${model.loaded.value && name !== "live" ? "offline" : ""}>${id ? html`<${MatchView} key=${id} id=${id} model=${model} back=${back} />` : html`<${List} model=${model} open=${open} />`}</main>
    <${Announcer} />
    <footer class="foot"><p>${t("foot")}</p></footer>`;
}

const stop = effect(() => {
  if (!model.loaded.value || !model.ids.value.length) return;
  requestAnimationFrame(() => performance.mark("matches")); // for measurements
  queueMicrotask(() => stop());
});
effect(() => {
  const m = route.value && model.view(route.value).value.m;
  named(m ? t("details", m.match) : "");
});
effect(() => { document.documentElement.dataset.theme = setting.theme.value; });
effect(() => { model.alwaysMoves = setting.sort.value === "recent" || setting.kind.value.length > 0 || setting.q.value !== ""; });
addEventListener("popstate", arrive);
document.addEventListener("visibilitychange", () => { seen(); tick(); });
model.onNews(notice);
setInterval(() => document.hidden || tick(), 1000);

if (setting.lang.peek() !== "en") await load(setting.lang.peek());
let language = setting.lang.peek();
effect(() => {
  const wanted = setting.lang.value;
  if (wanted !== language) load(language = wanted);
});
effect(() => {
  // The stream begins again if its time changes, or if the view needs matches that it does not have.
  const time = [setting.delay.value, setting.from.value, setting.speed.value].join();
  const id = route.value;
  const enough = scope === "" ? !id || !model.matches.get(id)?.partial : scope === id;
  if (time !== connect.time || !enough) {
    connect.time = time;
    connect(id && (scope === null || !enough || scope) ? id : "");
  }
});
tick();
if (!embedded) showInURL();
document.documentElement.classList.toggle("embedded", embedded);
render(html`<${embedded ? Embedded : App} />`, document.body);

export { model };
