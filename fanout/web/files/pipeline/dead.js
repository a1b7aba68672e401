// The dialog with the dead letters of a queue.
import { html, useEffect, useState } from "../dist/preact.js";
import { call } from "./api.js";
import { Dialog, Sure } from "./dialog.js";
import { dayText, plural } from "./format.js";
import { mayChange, open as login, session } from "./session.js";

// Dead lists the dead letters of a queue. changed is called after an action, with its result.
export function Dead({ queue, close, changed }) {
  const [{ list, total, error }, show] = useState({});
  const load = () => call("GET", ["dead", queue], { query: { limit: 50 } })
    .then((found) => show({ list: found.dead_letters, total: found.total }), (reason) => show({ error: reason.message }));
  useEffect(() => { load(); }, []);
  const act = async (method, path, what) => {
    try {
      const result = await call(method, ["dead", queue, ...path]);
      changed(`${result?.moved != null ? plural(result.moved, "dead letter") : "Dead letter"} ${what}.`);
    } catch (reason) {
      changed(reason.message);
    }
    await load();
  };
  const replay = (...id) => act("POST", [...id, "replay"], "moved back to the queue");
  const remove = (...id) => act("DELETE", id, "deleted");
  return html`<${Dialog} title=${`Dead letters of ${queue}`} close=${close}>
    ${error && html`<p class="note warn" role="alert">${error}</p>`}
    ${list && html`<p class="note" role="status">${total ? plural(total, "dead letter") + (total > list.length ? `; these are the oldest ${list.length}` : "") : "No dead letters."}</p>`}
    ${list?.length > 0 && (mayChange() ? html`<p class="actions"><${Sure} text="Replay all" act=${() => replay()} /><${Sure} text="Delete all" act=${() => remove()} /></p>`
      : html`<p class="note">To replay or delete them, ${session.value.login ? html`<button type="button" class="plain" onClick=${() => { login.value = true; }}>log in</button>` : "start matchwire with an API token"}.</p>`)}
    <ul class="letters">${list?.map((l) => html`<li key=${l.id}>
      <p class="bar"><strong>${l.key}</strong> <span class="small">${dayText(l.first_seen)}, ${plural(l.attempts, "attempt")}</span></p>
      <p class="reason">${l.reason}</p>
      <details><summary>Message <span class="small">${l.id}</span></summary><pre tabindex="0">${JSON.stringify(l.message, null, 2)}</pre></details>
      ${l.tid && html`<p class="small">TID <code>${l.tid}</code>: “matchwire trace ${l.tid}” shows its job.</p>`}
      ${mayChange() && html`<p class="actions"><button type="button" aria-label=${`Replay ${l.key}`} onClick=${() => replay(l.id)}>Replay</button>
        <${Sure} text="Delete" label=${`Delete ${l.key}`} act=${() => remove(l.id)} /></p>`}
    </li>`)}</ul>
  </${Dialog}>`;
}
