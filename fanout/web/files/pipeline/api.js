// Calls of the API, with the session of the operator.

const base = new URL("../api/", import.meta.url);

// Refused is the error of a call that needs other rights.
export class Refused extends Error {}

// call makes a call, such as call("GET", "dead", "scoreboard"), and returns the response. Its errors are texts for
// the operator. The elements of path are escaped.
export async function call(method, path, { query = {}, body, token } = {}) {
  const url = new URL(path.map(encodeURIComponent).join("/"), base);
  url.search = new URLSearchParams(query);
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (token) headers.Authorization = "Bearer " + token;
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(15e3) });
  if (response.status === 204) return null;
  const isJSON = /^application\/(problem\+)?json/.test(response.headers.get("Content-Type") ?? "");
  const value = isJSON ? await response.json() : null;
  if (response.ok && isJSON) return value;
  if (response.status === 401) throw new Refused(token ? "The server does not know this token." : "The session has ended, or you are not logged in.");
  if (response.status === 403) throw new Refused(value?.detail ?? response.statusText);
  throw new Error(value?.detail ?? (response.status === 404 ? "This server has no API: it needs the role api." : response.statusText || "status " + response.status));
}
