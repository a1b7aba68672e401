// The sources: their states, and the actions with them.
import { html, useState } from "../dist/preact.js";
import { call } from "./api.js";
import { Dialog, Sure } from "./dialog.js";
import { ageText, plural } from "./format.js";
import { mayChange } from "./session.js";

const words = { starting: "not polled yet", polled: "polled", failing: "poll failed", overdue: "overdue", stopped: "stopped" };

// Sources lists the polled pages.
export function Sources({ o, changed }) {
  const [adding, add] = useState(false);
  const { count, list, replay } = o.sources;
  return html`<section class="stage sources" aria-labelledby="sources"><header><h2 id="sources">Sources</h2>
      ${!replay && html`<span class="count">${count.toLocaleString("en")}</span>`}</header>
    ${replay ? html`<p class="part">Recorded pages, in place of polls</p>`
      : !list.length ? html`<p class="part">No page is polled.</p>`
      : html`<ul class="list" tabindex="0" aria-label="Sources">${list.map((s) => html`<${Source} key=${s.id} s=${s} at=${Date.parse(o.at)} changed=${changed} />`)}</ul>`}
    ${count > list.length && html`<p class="small">These are the ${list.length} that were activated last.</p>`}
    ${!replay && mayChange() && html`<p class="actions"><button type="button" onClick=${() => add(true)}>Add a page</button></p>`}
    ${adding && html`<${Add} close=${() => add(false)} changed=${changed} />`}
  </section>`;
}

function Source({ s, at, changed }) {
  const stop = () => call("DELETE", ["matches", s.id]).then(() => changed(`${s.url} is no longer polled.`), (error) => changed(error.message));
  return html`<li class=${"part source " + s.state}>
    <p class="name">${s.url}</p>
    <p class="facts-line"><span class="state-tag">${words[s.state]}</span>
      ${s.at && html`<span>${ageText(s.at, at)} ago</span>`}
      ${s.next && s.state !== "stopped" && html`<span>next in ${ageText(new Date(at).toISOString(), Math.max(at, Date.parse(s.next)))}</span>`}
      ${s.matches > 0 && html`<span>${s.matches === 1 ? "1 match" : s.matches + " matches"}</span>`}</p>
    ${s.reason && html`<p class="reason">${s.failures > 1 ? plural(s.failures, "failure") + ": " : ""}${s.reason}</p>`}
    <p class="small">${s.profile} · ${s.by === "api" ? "added with the API" : "from the config"}
      ${s.by === "api" && mayChange() && html` <${Sure} text="Stop" label=${"Stop polling " + s.url} act=${stop} />`}</p>
  </li>`;
}

// Add is the dialog that activates a page.
function Add({ close, changed }) {
  const [error, fail] = useState("");
  const submit = async (e) => {
    e.preventDefault();
    const body = {};
    for (const [name, value] of new FormData(e.target)) if (value.trim()) body[name] = value.trim();
    try {
      const m = await call("POST", ["matches"], { body });
      close();
      changed(`${m.url} is polled.`);
    } catch (reason) {
      fail(reason.message);
    }
  };
  const field = (name, label, help, required) => html`<label class="field"><span>${label}</span><input name=${name} required=${required} placeholder=${help} maxlength="2000" /></label>`;
  return html`<${Dialog} title="Add a page" close=${close}><form class="login" onSubmit=${submit}>
    ${field("url", "URL of the page", "https://site.example/live/42", true)}
    ${field("profile", "Profile", "mysite", true)}
    ${field("match", "Match ID, if the page has none", "mls-42")}
    ${field("every", "Interval between polls", "15s")}
    ${error && html`<p class="note warn" role="alert">${error}</p>`}
    <p class="actions"><button type="submit">Start polling</button></p>
  </form></${Dialog}>`;
}
