// The dialog with the dead letters of a queue.
import { html, useEffect, useState } from "../dist/preact.js";
import { call } from "./api.js";
import { Dialog, Sure } from "./dialog.js";
import { count, dayText } from "./format.js";
import { mayChange, open as login, session } from "./session.js";
import { t } from "./words.js";

// Dead lists the dead letters of a queue. changed is called after an action, with its result.
export function Dead({ queue, close, changed }) {
  const [{ list, total, error }, show] = useState({});
  const load = () => call("GET", ["dead", queue], { query: { limit: 50 } })
    .then((found) => show({ list: found.dead_letters, total: found.total }), (reason) => show({ error: reason.message }));
  useEffect(() => { load(); }, []);
  const act = async (method, path, what) => {
    try {
      const result = await call(method, ["dead", queue, ...path]);
      changed(result?.moved != null ? t(what, { n: result.moved }) : t(what + "One"));
    } catch (reason) {
      changed(reason.message);
    }
    await load();
  };
  const replay = (...id) => act("POST", [...id, "replay"], "dead.moved");
  const remove = (...id) => act("DELETE", id, "dead.deleted");
  return html`<${Dialog} title=${t("dead.of", { queue })} close=${close}>
    ${error && html`<p class="note warn" role="alert">${error}</p>`}
    ${list && html`<p class="note" role="status">${!total ? t("dead.none") : total > list.length ? t("dead.oldest", { letters: count(total, "dead"), n: list.length }) : count(total, "dead")}</p>`}
    ${list?.length > 0 && (mayChange() ? html`<p class="actions"><${Sure} text=${t("replayAll")} act=${() => replay()} /><${Sure} text=${t("deleteAll")} act=${() => remove()} /></p>`
      : html`<p class="note">${session.value.login ? html`${t("dead.login")} <button type="button" class="plain" onClick=${() => { login.value = true; }}>${t("logIn")}</button>` : t("dead.noToken")}</p>`)}
    <ul class="letters">${list?.map((l) => html`<li key=${l.id}>
      <p class="bar"><strong>${l.key}</strong> <span class="small">${dayText(l.first_seen)}, ${count(l.attempts, "attempts")}</span></p>
      <p class="reason">${l.reason}</p>
      <details><summary>${t("message")} <span class="small">${l.id}</span></summary><pre tabindex="0">${JSON.stringify(l.message, null, 2)}</pre></details>
      ${l.tid && html`<p class="small">TID <code>${l.tid}</code>: ${t("trace", { tid: l.tid })}</p>`}
      ${mayChange() && html`<p class="actions"><button type="button" aria-label=${t("of", { action: t("replay"), what: l.key })} onClick=${() => replay(l.id)}>${t("replay")}</button>
        <${Sure} text=${t("delete")} label=${t("of", { action: t("delete"), what: l.key })} act=${() => remove(l.id)} /></p>`}
    </li>`)}</ul>
  </${Dialog}>`;
}
