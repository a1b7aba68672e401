// The sources: their states, and the actions with them.
import { html, useState } from "../dist/preact.js";
import { call } from "./api.js";
import { Dialog, Sure } from "./dialog.js";
import { ageText, count as counted, numberText } from "./format.js";
import { mayChange } from "./session.js";
import { t } from "./words.js";

// Sources lists the polled pages.
export function Sources({ o, changed }) {
  const [adding, add] = useState(false);
  const { count, list, replay } = o.sources;
  return html`<section class="stage sources" aria-labelledby="sources"><header><h2 id="sources">${t("sources")}</h2>
      ${!replay && html`<span class="count">${numberText(count)}</span>`}</header>
    ${replay ? html`<p class="part">${t("sources.replay")}</p>`
      : !list.length ? html`<p class="part">${t("sources.none")}</p>`
      : html`<ul class="list" tabindex="0" aria-label=${t("sources")}>${list.map((s) => html`<${Source} key=${s.id} s=${s} at=${Date.parse(o.at)} changed=${changed} />`)}</ul>`}
    ${count > list.length && html`<p class="small">${t("sources.latest", { n: list.length })}</p>`}
    ${!replay && mayChange() && html`<p class="actions"><button type="button" onClick=${() => add(true)}>${t("add")}</button></p>`}
    ${adding && html`<${Add} close=${() => add(false)} changed=${changed} />`}
  </section>`;
}

function Source({ s, at, changed }) {
  const act = (method, path, done) => call(method, ["matches", s.id, ...path]).then(() => changed(t(done, { url: s.url })), (error) => changed(error.message));
  const button = (action) => html`<button type="button" aria-label=${t("of", { action: t(action), what: s.url })} onClick=${() => act("POST", [action], action + ".done")}>${t(action)}</button>`;
  return html`<li class=${"part source " + s.state}>
    <p class="name">${s.url}</p>
    <p class="facts-line"><span class="state-tag">${t("source." + s.state, { time: s.paused && ageText(s.paused, at) })}</span>
      ${s.at && html`<span>${t(s.paused ? "ago.polled" : "ago", { time: ageText(s.at, at) })}</span>`}
      ${s.next && s.state !== "stopped" && html`<span>${t("next", { time: ageText(new Date(at).toISOString(), Math.max(at, Date.parse(s.next))) })}</span>`}
      ${s.matches > 0 && html`<span>${counted(s.matches, "matches")}</span>`}</p>
    ${s.reason && html`<p class="reason">${s.failures > 1 ? counted(s.failures, "failures") + ": " : ""}${s.reason}</p>`}
    <p class="small">${s.profile} · ${t(s.by === "api" ? "byAPI" : "byConfig")}</p>
    ${mayChange() && html`<p class="buttons">
      ${s.state === "paused" ? button("resume") : s.state !== "stopped" && html`
        ${button("poll")}${button("pause")}`}
      ${s.by === "api" && html`<${Sure} text=${t("stop")} label=${t("of", { action: t("stop"), what: s.url })} act=${() => act("DELETE", [], "stop.done")} />`}</p>`}
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
      changed(t("add.done", { url: m.url }));
    } catch (reason) {
      fail(reason.message);
    }
  };
  const field = (name, label, help, required) => html`<label class="field"><span>${label}</span><input name=${name} required=${required} placeholder=${help} maxlength="2000" /></label>`;
  return html`<${Dialog} title=${t("add")} close=${close}><form class="login" onSubmit=${submit}>
    ${field("url", t("add.url"), "https://site.example/live/42", true)}
    ${field("profile", t("add.profile"), "mysite", true)}
    ${field("match", t("add.match"), "mls-42")}
    ${field("every", t("add.every"), "15s")}
    ${error && html`<p class="note warn" role="alert">${error}</p>`}
    <p class="actions"><button type="submit">${t("add.start")}</button></p>
  </form></${Dialog}>`;
}
