// Numbers and times as text.
import { current, t } from "./words.js";

const formatOf = (options) => (time) => new Intl.DateTimeFormat(current.peek().locale, { hour12: false, ...options }).format(new Date(time));

export const timeText = formatOf({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const dayText = formatOf({ dateStyle: "medium", timeStyle: "medium" });

// numberText returns a number in the form of the language.
export const numberText = (n) => n.toLocaleString(current.peek().locale);

// count returns a number with a noun, such as count(3, "dead").
export const count = (n, noun) => t("n." + noun, { n }).replace(String(n), numberText(n));

// ageText returns the time between two times, such as 12 s or 3 min.
export function ageText(from, to) {
  const s = Math.max(0, Math.round((to - Date.parse(from)) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return s < 172800 ? `${Math.floor(s / 3600)} h` : count(Math.floor(s / 86400), "days");
}

// rateText returns a rate per second.
export const rateText = (rate) => `${numberText(rate >= 10 ? Math.round(rate) : Math.round(rate * 10) / 10)}/s`;
