// Dialogs, and buttons that ask before they act.
import { html, useEffect, useRef, useState } from "../dist/preact.js";
import { t } from "./words.js";

// Dialog is a modal dialog. Escape, the button and a click outside the dialog close it.
export function Dialog({ title, close, children }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), []);
  return html`<dialog ref=${dialog} class="inspector" aria-labelledby="dialog-title" onClose=${close} onClick=${(e) => e.target === dialog.current && dialog.current.close()}>
    <header class="bar"><h2 id="dialog-title">${title}</h2><button type="button" class="plain" onClick=${() => dialog.current.close()}>${t("close")}</button></header>
    ${children}
  </dialog>`;
}

// Sure is a button for an action that cannot be undone. The second click performs the action.
export function Sure({ text, act, label }) {
  const [asked, ask] = useState(false);
  return html`<button type="button" class=${asked ? "danger" : ""} aria-label=${asked ? undefined : label} onBlur=${() => ask(false)}
    onClick=${() => { if (asked) act(); ask(!asked); }}>${asked ? t("really", { action: text.toLowerCase() }) : text}</button>`;
}
