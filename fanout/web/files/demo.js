// The bar and the inbox of matchwire demo. Only the pages of a demo load this module.
import { html, signal } from "./dist/preact.js";
import { root } from "./page/card.js";
import { timeText } from "./page/format.js";
import { t } from "./page/words.js";

const address = new URL("demo", root);
const state = signal(null); // the latest answer of the server, or null
const failed = signal("");

// follow requests the state again and again. The server answers when the state has changed. A hidden page waits.
async function follow() {
  for (;;) {
    if (document.hidden) await new Promise((resume) => document.addEventListener("visibilitychange", resume, { once: true }));
    try {
      const response = await fetch(`${address}?after=${state.peek()?.version ?? ""}`, { signal: AbortSignal.timeout(30000) });
      if (!response.ok) throw new Error(response.statusText);
      state.value = await response.json();
    } catch { // the server has stopped, or a proxy has ended the request
      await new Promise((resume) => setTimeout(resume, 3000));
    }
  }
}

async function choose(speed) {
  failed.value = "";
  try {
    const response = await fetch(address, { method: "PUT", body: JSON.stringify({ speed }) });
    if (!response.ok) failed.value = (await response.json()).detail;
  } catch (error) {
    failed.value = error.message;
  }
}

// Demo shows the speeds of the replay, and the notifications that a phone would show.
export function Demo() {
  if (!state.value) return null;
  const { speeds, speed, ended, alerts } = state.value;
  return html`<aside class="demo" aria-label=${t("demo")}>
    <div class="speeds" role="group" aria-label=${t("demo.speed")}>
      <span>${t(ended ? "demo.ended" : "demo.text")}</span>
      ${!ended && speeds.map((s) => html`<button type="button" class="choice" key=${s} aria-pressed=${String(s === speed)} onClick=${() => choose(s)}>${s ? `${s}×` : t("demo.pause")}</button>`)}
      <a class="to-pipeline" href=${new URL("pipeline", root).href}>${t("pipeline")}</a>
      ${failed.value && html`<span role="alert">${failed.value}</span>`}
    </div>
    ${alerts && html`<details class="inbox" open><summary>${t("demo.inbox")} <span class="count">${alerts.length}</span></summary>
      ${alerts.length ? html`<ul tabindex="0" aria-label=${t("demo.inbox")}>${alerts.map((a) => html`<li key=${a.thread}><strong>${a.title}</strong> <time datetime=${a.time}>${timeText(Date.parse(a.time))}</time><p>${a.body}</p></li>`)}</ul>` : html`<p>${t("demo.empty")}</p>`}
    </details>`}
  </aside>`;
}

follow();
