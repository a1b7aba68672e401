// Calls of the API, with the session of the operator.
import { t } from "./words.js";

const base = new URL("../api/", import.meta.url);

// Refused is the error of a call that needs other rights. anonymous is true if the server does not know the operator.
export class Refused extends Error {
  constructor(text, anonymous = false) {
    super(text);
    this.anonymous = anonymous;
  }
}

const directions = /[\u202a-\u202e\u2066-\u2069]/g; // characters that change the direction of the text around them

// call makes a call, such as call("GET", "dead", "scoreboard"), and returns the response. Its errors are texts for
// the operator. The elements of path are escaped. No text in the response changes the direction of other texts.
export async function call(method, path, { query = {}, body, token, timeout = 15e3 } = {}) {
  const url = new URL(path.map(encodeURIComponent).join("/"), base);
  url.search = new URLSearchParams(query);
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (token) headers.Authorization = "Bearer " + token;
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(timeout) });
  if (response.status === 204) return null;
  const isJSON = /^application\/(problem\+)?json/.test(response.headers.get("Content-Type") ?? "");
  const value = isJSON ? JSON.parse((await response.text()).replace(directions, "")) : null;
  if (response.ok && isJSON) return value;
  if (response.status === 401) throw new Refused(t(token ? "token.unknown" : "session.ended"), true);
  if (response.status === 403) throw new Refused(value?.detail ?? response.statusText);
  throw new Error(value?.detail ?? (response.status === 404 ? t("noAPI") : response.statusText || "status " + response.status));
}
