// The words of the page in the language of the reader. The texts of the page are in words/CODE.js. The
// names of kinds, details and periods are those of the notify consumer, in words/CODE.names.js.
import { signal } from "../dist/preact.js";
import english from "../words/en.js";
import englishNames from "../words/en.names.js";
import sports from "../sports.js";

export const languages = { en: "English", de: "Deutsch", es: "Español", fr: "Français" };

// current is the language in use: its code, texts and names.
export const current = signal({ code: "en", locale: "en", texts: english, names: englishNames });

// preferred returns the code of the first of the browser's languages that the page supports, or en.
export function preferred(wanted = navigator.languages ?? [navigator.language]) {
  for (const tag of wanted) {
    const code = tag.slice(0, 2).toLowerCase();
    if (code in languages) return code;
  }
  return "en";
}

// load makes a language current. code can be "auto".
export async function load(code) {
  if (!(code in languages)) code = preferred();
  const [texts, names] = code === "en" ? [english, englishNames] :
    (await Promise.all([import(`../words/${code}.js`), import(`../words/${code}.names.js`)])).map((module) => module.default);
  // The reader's own variant of the language decides the form of dates, such as en-GB or en-US.
  const locale = (navigator.languages ?? []).find((tag) => tag.slice(0, 2).toLowerCase() === code) ?? code;
  current.value = { code, locale, texts, names };
  document.documentElement.lang = code;
}

const directions = /[\u202a-\u202e\u2066-\u2069]/g; // characters that change the direction of the text around them

// t returns a text of the page. {name} in the text stands for values.name, which cannot change the direction of the
// text. A text with several forms is an object with a form for each plural category of values.n.
export function t(key, values = {}) {
  const { texts, code } = current.value;
  let text = texts[key] ?? english[key] ?? key;
  if (typeof text === "object") text = text[new Intl.PluralRules(code).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole).replace(directions, ""));
}

// find returns the name of a key in a table of names, or "". It prefers the first qualifier that has a
// name for the key. # in a key stands for a number. consumers/notify finds names by the same rules.
export function find(table, key, ...qualifiers) {
  const digits = /[0-9]+$/.exec(key)?.[0] ?? "";
  const stem = key.slice(0, key.length - digits.length);
  for (const prefix of [...qualifiers.filter(Boolean).map((q) => q + "."), ""]) {
    if (table[prefix + key]) return table[prefix + key];
    if (digits && table[prefix + stem + "#"]) return table[prefix + stem + "#"].replaceAll("#", digits);
  }
  return "";
}

// isDefined reports whether a profile defines a sport, which matchwire does not know.
export const isDefined = (sport) => !("sport." + sport in english);

// name returns the name of a key in the current language, or else in English.
function name(table, key, ...qualifiers) {
  return find(current.value.names[table], key, ...qualifiers) || find(englishNames[table], key, ...qualifiers) || key.replaceAll("_", " ");
}

const slug = (s) => s.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "");

// kindName returns the name of the kind of an incident, and whether the name says the detail too.
export function kindName(i) {
  const sport = sportOf(i);
  if (sports[sport]?.[i.kind]) return [sports[sport][i.kind], false];
  for (const { kinds } of [current.value.names, englishNames]) {
    const detailed = i.detail && find(kinds, i.kind + "." + slug(i.detail));
    if (detailed) return [detailed, true];
    const pointed = i.points > 0 && find(kinds, i.kind + "." + i.points);
    if (pointed) return [pointed, false];
    const plain = find(kinds, i.kind, sport);
    if (plain) return [plain, false];
  }
  return [i.kind.replaceAll("_", " "), false];
}

// detailName returns the name of a detail of an incident. Parts that are separated by commas have
// separate names.
export function detailName(i, detail = i.detail) {
  for (const { details } of [current.value.names, englishNames]) {
    const found = find(details, slug(detail), i.kind, sportOf(i));
    if (found) return found;
  }
  const [first, ...rest] = detail.split(", ");
  if (rest.length) return [first, ...rest].map((part) => detailName(i, part)).join(", ");
  // Only the first letter of a word such as Hooking becomes small. German nouns keep their capitals.
  const text = detail.replaceAll("_", " ");
  const lower = text.toLowerCase();
  return current.value.code !== "de" && text.length > 1 && text.slice(1) === lower.slice(1) ? lower : text;
}

// sportOf returns the sport of an incident, which its routing key contains.
export const sportOf = (i) => (i.key ?? "").split(".")[0];

export const periodName = (period, sport) => sports[sport]?.[period] ?? name("periods", period, sport);
export const statusName = (status) => name("statuses", status);
export const memberName = (member, i) => name("members", member, i.kind, sportOf(i));
export const sportName = (sport) => (current.value.texts["sport." + sport] ?? english["sport." + sport] ?? capital(sport.replaceAll("_", " ")));

// capital returns a text with a capital first letter.
export const capital = (s) => s && s[0].toLocaleUpperCase(current.value.locale) + s.slice(1);
