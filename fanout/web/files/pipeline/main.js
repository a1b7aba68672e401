// The pipeline page. It reads the state every few seconds.
import { html, render, signal } from "../dist/preact.js";
import { call, Refused } from "./api.js";
import { Dead } from "./dead.js";
import { timeText } from "./format.js";
import { record } from "./history.js";
import { Account, load as loadSession, Login, open as login, session } from "./session.js";
import { Sources } from "./sources.js";
import { Exchange, Parser } from "./stages.js";
import { load as loadWords, t } from "./words.js";

const interval = 3000; // between two reads, in milliseconds

const state = signal({ o: null, error: "", refused: null }); // the latest overview, and why it is not newer
const dead = signal(""); // the queue whose dead letters are shown, or ""
const result = signal({ n: 0, text: "" }); // of the latest action

// read reads the state of the pipeline once.
async function read() {
  try {
    const o = await call("GET", ["pipeline"], { query: { sources: 100 } });
    record(o);
    state.value = { o, error: "", refused: null };
  } catch (error) {
    const refused = error instanceof Refused ? error : null;
    const text = error instanceof TypeError || error.name === "TimeoutError" ? t("noAnswer") : error.message;
    state.value = { o: refused ? null : state.peek().o, error: text, refused };
  }
}

// follow reads the state again and again. A hidden page waits.
async function follow() {
  for (;;) {
    if (document.hidden) await new Promise((resume) => document.addEventListener("visibilitychange", resume, { once: true }));
    await read();
    await new Promise((resume) => setTimeout(resume, interval));
  }
}

// changed shows the result of an action, and then reads the session and the state, which can have changed.
function changed(text) {
  result.value = { n: result.peek().n + 1, text };
  loadSession().catch(() => {});
  setTimeout(read, 1100); // the server answers equal calls within a second with the same state
}

function Status() {
  const { o, error } = state.value;
  const name = error ? "waiting" : o ? "live" : "connecting";
  return html`<p id="state" class="state" data-state=${name}>${t("state." + name)}</p>`;
}

function Pipeline({ o }) {
  return html`<div class="flow">
    <${Sources} o=${o} changed=${changed} />
    <${Parser} o=${o} />
    <div class="exchanges">${o.exchanges.map((e) => html`<${Exchange} key=${e.name} o=${o} exchange=${e} dead=${(queue) => { dead.value = queue; }} changed=${changed} />`)}</div>
  </div>`;
}

function App() {
  const { o, error, refused } = state.value;
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>${t("skip")}</a>
    <header class="top"><h1><a href="."><img src="icon.svg" alt="" width="26" height="26" /> matchwire <span>${t("page")}</span></a></h1>
      <div class="tools"><${Status} /><${Account} done=${changed} /></div></header>
    <div class="notices">
      ${error && !refused && html`<p id="offline" class="notice off">${error}${o ? " " + t("stateAt", { time: timeText(o.at) }) : ""}</p>`}
      ${o?.problems.map((p) => html`<p key=${p} class="notice off">${p[0].toUpperCase() + p.slice(1)}.</p>`)}
      ${o?.partial && html`<p class="notice partial">${t("partial")}</p>`}
    </div>
    <main id="main" tabindex="-1" class=${o && error ? "offline" : ""}>${o ? html`<${Pipeline} o=${o} />` : refused ? html`<${Refusal} error=${refused} />` : !error && html`<p class="empty">${t("reading")}</p>`}</main>
    <div id="result" role="status" aria-live="polite" aria-atomic="true" class=${result.value.text ? "toast" : ""}>${result.value.text && html`<span key=${result.value.n}>${result.value.text}</span>
      <button type="button" class="plain" onClick=${() => { result.value = { ...result.peek(), text: "" }; }}>${t("gotIt")}</button>`}</div>
    ${dead.value && html`<${Dead} queue=${dead.value} close=${() => { dead.value = ""; }} changed=${changed} />`}
    ${login.value && html`<${Login} done=${(text) => { changed(text); read(); }} />`}
    <footer class="foot"><p>${t("foot")} ${o?.embedded ? t("embedded") : ""}</p></footer>`;
}

// Refusal replaces the pipeline if the operator must log in.
const Refusal = ({ error }) => html`<div class="empty"><p>${t("onlyOperators")}</p>
  ${session.value.login ? html`<p><button type="button" onClick=${() => { login.value = true; }}>${t("logIn")}</button></p>`
    : html`<p>${error.anonymous ? t("createToken") : error.message}</p>`}</div>`;

await loadWords();
document.title = t("title");
render(html`<${App} />`, document.body);
loadSession().catch(() => {}); // the reads of the pipeline show the error
follow();
