// The settings of the page. Each one has a parameter in the URL. A parameter that the page does not know
// has no effect, and stays in the URL. The browser remembers the settings. A setting in the URL has
// precedence. If the URL has any filter, the page uses no remembered filter.
import { computed, signal } from "../dist/preact.js";

const list = { parse: (values) => [...new Set(values.flatMap((v) => v.split(",")).filter(Boolean))], none: [], text: (v) => v.join(",") };
const text = { parse: (values) => values[0].slice(0, 200), none: "", text: (v) => v };
const flag = { parse: (values) => values[0] === "true", none: false, text: (v) => (v ? "true" : "") };
const choice = (...all) => ({ parse: (values) => (all.includes(values[0]) ? values[0] : all[0]), none: all[0], text: (v) => (v === all[0] ? "" : v), all });
const seconds = { parse: (values) => Math.min(3600, Math.max(0, Math.round(Number(values[0])) || 0)), none: 0, text: (v) => (v ? String(v) : "") };

// names is a list of names. Names of teams and leagues can contain commas, so each name has its own parameter.
const names = { parse: (values) => [...new Set(values.filter(Boolean))], none: [], text: (v) => v };

export const fields = {
  sport: { ...list, filter: true }, league: { ...names, filter: true }, team: { ...names, filter: true },
  kind: { ...list, filter: true }, live: { ...flag, filter: true }, q: { ...text, filter: true },
  sort: choice("start", "recent", "name"), pin: names, scores: choice("shown", "hidden"), delay: seconds,
  lang: choice("auto", "en", "de", "es", "fr"), time: choice("auto", "24", "12"), theme: choice("auto", "light", "dark"),
  sound: flag, from: { ...text, once: true }, speed: { ...text, once: true },
};

const storageKey = "matchwire-page";

// remembered returns the settings that the browser has stored. It returns {} if there are none, or if
// the browser stores nothing for this page.
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(storageKey)) ?? {};
  } catch {
    return {};
  }
}

// read combines the settings in a query with the remembered settings.
export function read(query, stored = {}) {
  const all = {};
  const hasFilter = Object.keys(fields).some((name) => fields[name].filter && query.has(name));
  for (const [name, field] of Object.entries(fields)) {
    const values = query.getAll(name);
    const old = stored[name];
    if (values.length) all[name] = field.parse(values);
    else if (old != null && !field.once && !(field.filter && hasFilter)) all[name] = field.parse([old].flat().map(String));
    else all[name] = field.none;
  }
  return all;
}

// write returns a query with the settings. It keeps the parameters that are not settings.
export function write(all, query) {
  const q = new URLSearchParams(query);
  for (const [name, field] of Object.entries(fields)) {
    q.delete(name);
    for (const value of [field.text(all[name])].flat()) if (value) q.append(name, value);
  }
  return q;
}

// An embedded page has only the settings in its URL, because the page around it chooses them.
const embedded = /\/embed(\/|$)/.test(location.pathname);

export const settings = signal(read(new URLSearchParams(location.search), embedded ? {} : remembered()));

// change changes settings. Unless the page is embedded, it also updates the URL and the stored settings.
export function change(some) {
  settings.value = { ...settings.value, ...some };
  if (embedded) return;
  const stored = Object.fromEntries(Object.entries(settings.value).filter(([name]) => !fields[name].once));
  try {
    localStorage.setItem(storageKey, JSON.stringify(stored));
  } catch { // the browser stores nothing for this page
  }
  showInURL();
}

// showInURL writes the settings into the URL.
export function showInURL() {
  const q = write(settings.value, location.search).toString();
  history.replaceState(history.state, "", location.pathname + (q ? "?" + q : "") + location.hash);
}

// toggled returns a list with an entry added, or removed if the list has it.
export const toggled = (entries, entry) => (entries.includes(entry) ? entries.filter((e) => e !== entry) : [...entries, entry]);

// setting holds one signal for each setting. A signal changes only if its setting changes.
export const setting = Object.fromEntries(Object.keys(fields).map((name) => [name, computed(() => settings.value[name])]));

// stream returns the options of follow that are parameters of the page.
export function stream(query = new URLSearchParams(location.search)) {
  const { delay, from, speed } = settings.peek();
  const lists = (name) => query.getAll(name).flatMap((v) => (name === "topics" ? v.split(",") : v)).filter(Boolean);
  const options = { topics: lists("topics"), match: lists("match") };
  if (query.get("token")) options.token = query.get("token");
  if (from) Object.assign(options, { from, speed: speed || undefined });
  else if (delay) options.delay = delay;
  return options;
}
