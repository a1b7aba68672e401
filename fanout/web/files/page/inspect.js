// The inspector: what caused an event, where its page shows it, and what it caused.
import { html, useEffect, useRef, useSignal } from "../dist/preact.js";
import { root } from "./card.js";
import { fullText } from "./format.js";
import { Shape } from "./icons.js";
import { words } from "./incidents.js";
import { t } from "./words.js";

// Inspect is the button that opens the inspector of an incident.
export function Inspect({ i, m }) {
  const open = useSignal(false);
  const [name] = words(i, m);
  const label = [name, i.player].filter(Boolean).join(" ");
  return html`<button type="button" class="inspect" aria-haspopup="dialog" title=${t("inspect.of", { what: label })}
    onClick=${() => { open.value = true; }}><${Shape} name="info" /></button>
    ${open.value && html`<${Inspector} i=${i} m=${m} label=${label} close=${() => { open.value = false; }} />`}`;
}

// Inspector is the dialog. It shows the job of the latest version of the incident, and the job of its retraction.
function Inspector({ i, m, label, close }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), []);
  const jobs = [i.retraction?.tid, i.tid].filter(Boolean);
  return html`<dialog ref=${dialog} class="inspector" aria-labelledby="inspector-name" onClose=${close} onClick=${(e) => e.target === dialog.current && dialog.current.close()}>
    <header class="bar"><h2 id="inspector-name">${t("inspect.of", { what: label })}</h2>
      <button type="button" class="plain" onClick=${() => dialog.current.close()}>${t("close")}</button></header>
    ${jobs.map((tid) => html`<${Job} key=${tid} tid=${tid} wanted=${(n) => n.match === m.match.id && (n.name === i.key || tid === i.retraction?.tid)} />`)}
  </dialog>`;
}

// load returns the trace of a job, or throws an error whose message is a text for the reader.
async function load(tid, signal) {
  const response = await fetch(new URL("api/trace/" + encodeURIComponent(tid) + "?jobs=1", root), { signal });
  if (response.ok) return response.json();
  if (response.status === 401 || response.status === 403) throw new Error(t("inspect.refused"));
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json")) throw new Error((await response.json()).detail);
  throw new Error(t("inspect.noAPI"));
}

// Job shows one job. wanted selects the events whose place on the page is shown.
function Job({ tid, wanted }) {
  const state = useSignal({});
  useEffect(() => {
    const ending = new AbortController();
    load(tid, AbortSignal.any([ending.signal, AbortSignal.timeout(10e3)]))
      .then((tree) => { state.value = { tree }; }, (error) => { if (!ending.signal.aborted) state.value = { error: error.message }; });
    return () => ending.abort();
  }, [tid]);
  const { tree, error } = state.value;
  const places = tree ? all(tree.steps).filter((n) => n.evidence && wanted(n)) : [];
  return html`<section class="job">
    ${!tree && !error && html`<p class="note" role="status">${t("inspect.loading")}</p>`}
    ${error && html`<p class="note warn" role="status">${t("inspect.failed", { reason: error })}</p><p class="note"><code>matchwire trace ${tid}</code></p>`}
    ${places.map((n) => html`<${Place} key=${n.id} n=${n} />`)}
    ${tree && html`<h3>${t("inspect.job")}</h3><p class="note">${fullText(tree.start)}</p><${Steps} steps=${tree.steps} start=${Date.parse(tree.start)} />
      <dl class="facts"><${ID} name=${t("tid.label")} id=${tid} /></dl>
      <details><summary>JSON</summary><pre tabindex="0">${JSON.stringify(tree, null, 2)}</pre></details>`}
  </section>`;
}

// all returns steps with all steps below them.
const all = (steps = []) => steps.flatMap((n) => [n, ...all(n.children)]);

// Place shows where a page shows an event. The row of the page is text, never markup.
function Place({ n: { evidence: e, message } }) {
  return html`<h3>${t("inspect.place")}</h3>
    ${e.row && html`<pre class="row-source" tabindex="0">${e.row}</pre>`}
    <dl class="facts">
      ${e.url && html`<div><dt>${t("inspect.page")}</dt><dd>${/^https?:/.test(e.url) ? html`<a href=${e.url} rel="noopener noreferrer" target="_blank">${e.url}</a>` : e.url}</dd></div>`}
      ${e.path && html`<${ID} name=${t("inspect.selector")} id=${e.path} />`}
      ${e.snapshot && html`<${ID} name=${t("inspect.version")} id=${e.snapshot} />`}
      <${ID} name=${t("inspect.event")} id=${message} />
    </dl>`;
}

// ID shows a text that can be copied. A browser lets a page write to the clipboard only over HTTPS or on the
// same machine.
function ID({ name, id }) {
  const copied = useSignal(false);
  const copy = () => navigator.clipboard.writeText(id).then(() => { copied.value = true; }, () => {});
  return html`<div><dt>${name}</dt><dd><code>${id}</code>
    ${navigator.clipboard && html` <button type="button" class="plain" onClick=${copy}>${t(copied.value ? "copied" : "copy")}<span class="sr">: ${name}</span></button>
      <span class="sr" role="status">${copied.value ? t("copied") : ""}</span>`}</dd></div>`;
}

// Steps is the tree of steps. The time of a send step is on the line of its create step.
function Steps({ steps, start }) {
  return html`<ul class="steps">${steps.filter((n) => n.op !== "send").map((n) => html`<li key=${n.id} class=${n.failed ? "failed" : ""}>
    <span class="step"><b>${stepName(n)}</b> <span class="count"><span>${n.instance}</span> +${duration(Date.parse(n.start) - start)}</span></span>
    ${outcome(n) && html`<span class="outcome">${outcome(n)}</span>`}
    ${n.children?.some((c) => c.op !== "send") && html`<${Steps} steps=${n.children} start=${start} />`}</li>`)}</ul>`;
}

// stepName returns the name of a step, as the command matchwire trace prints it.
function stepName(n) {
  if (n.op === "create") return (n.name.startsWith("parser.") ? "task " : "event ") + n.name;
  if (n.op === "process") return n.role + (n.attempt > 1 ? ", attempt " + n.attempt : "");
  return n.op === "deliver" ? "fanout" : n.name;
}

function outcome(n) {
  const sent = n.op === "create" && n.children?.find((c) => c.op === "send");
  const after = sent && t("inspect.sent", { time: duration(Date.parse(sent.start) + sent.took_ms - Date.parse(n.start)) });
  return [n.failed && t("inspect.failedStep"), n.outcome, after].filter(Boolean).join(": ");
}

const duration = (ms) => (ms < 10 ? ms.toFixed(1) + " ms" : ms < 1000 ? Math.round(ms) + " ms" : (ms / 1000).toFixed(1) + " s");
