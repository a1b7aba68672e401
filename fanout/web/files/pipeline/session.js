// The session of the operator, who enters an API token once.
import { html, signal, useState } from "../dist/preact.js";
import { call, Refused } from "./api.js";
import { Dialog } from "./dialog.js";
import { t } from "./words.js";

// session is what the operator may do: scopes, and login, which is true if the server accepts API tokens.
export const session = signal({ scopes: [], login: false });

// mayChange reports whether the operator may use the actions of the page.
export const mayChange = () => session.value.scopes.includes("change");

// open is true while the dialog for the token is open.
export const open = signal(false);

// load asks the server what the operator may do.
export async function load() {
  session.value = await call("GET", ["session"]);
}

async function logout(done) {
  await call("DELETE", ["session"]).catch((error) => { if (!(error instanceof Refused)) throw error; }); // it has ended before
  await load();
  done(t("loggedOut"));
}

// Account is the button in the header. done shows a result.
export function Account({ done }) {
  const { login, scopes } = session.value;
  if (!login) return scopes.includes("operate") && html`<span class="small">${t("noToken")}</span>`;
  return mayChange() ? html`<button type="button" onClick=${() => logout(done).catch((error) => done(error.message))}>${t("logOut")}</button>`
    : html`<button type="button" onClick=${() => { open.value = true; }}>${t("logIn")}</button>`;
}

// Login asks for the API token. The page stores the token nowhere: it gets a cookie that scripts cannot read.
export function Login({ done }) {
  const [error, fail] = useState("");
  const submit = async (e) => {
    e.preventDefault();
    const field = e.target.elements.token;
    try {
      await call("POST", ["session"], { token: field.value.trim() });
      field.value = "";
      await load();
      open.value = false;
      done(t(mayChange() ? "loggedIn" : "loggedIn.read"));
    } catch (reason) {
      fail(reason.message);
      field.select();
    }
  };
  return html`<${Dialog} title=${t("logIn")} close=${() => { open.value = false; }}>
    <form class="login" onSubmit=${submit}>
      <label class="field"><span>${t("token")}</span><input type="password" name="token" id="token" autocomplete="off" required aria-describedby="token-help" /></label>
      <p class="small" id="token-help">${t("token.help")}</p>
      ${error && html`<p class="note warn" role="alert">${error}</p>`}
      <p class="actions"><button type="submit">${t("logIn")}</button></p>
    </form>
  </${Dialog}>`;
}
