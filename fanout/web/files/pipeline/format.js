// Numbers and times as text.

const times = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const days = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium", hour12: false });

export const timeText = (time) => times.format(new Date(time));
export const dayText = (time) => days.format(new Date(time));

// ageText returns the time between two times, such as 12 s or 3 min.
export function ageText(from, to) {
  const s = Math.max(0, Math.round((to - Date.parse(from)) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`;
}

// plural returns a number with a noun.
export const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

// rateText returns a rate per second.
export const rateText = (rate) => `${rate >= 10 ? Math.round(rate).toLocaleString("en") : Math.round(rate * 10) / 10}/s`;
