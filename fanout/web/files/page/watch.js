// Watch again: a playback of the stream from a time in the past, with a scrubber and a speed.
import { html } from "../dist/preact.js";
import { focusOn } from "./focus.js";
import { now, secondsText, fullText } from "./format.js";
import { change, setting } from "./settings.js";
import { t } from "./words.js";

const speeds = [1, 2, 5, 10, 30, 60, 300];

// range holds the first and the last time of the scrubber, in milliseconds.
const range = { first: 0, last: 0 };

// start begins a playback of the matches from the first kick-off.
export function start(matches) {
  const updated = matches.map((m) => Date.parse(m.updated));
  const starts = matches.map((m) => Date.parse(m.match.start ?? m.updated)).filter((at) => at <= Math.max(...updated));
  range.last = Math.max(...updated);
  range.first = Math.max(Math.min(...starts, range.last - 60e3), range.last - 6 * 3600e3);
  change({ from: iso(range.first), speed: "10" });
  focusOn("#scrub");
}

const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

// clock returns the time that a playback shows, if its stream began at the real time began.
export const clock = (from, speed, began) => Date.parse(from) + (began ? (Date.now() - began) * (Number(speed) || 1) : 0);

// Watch is the bar of a playback.
export function Watch() {
  const from = setting.from.value;
  if (!from) return null;
  const at = now.value;
  const first = Math.min(range.first || Date.parse(from), Date.parse(from));
  const last = Math.max(range.last || Math.min(Date.now(), first + 3 * 3600e3), at);
  const speed = Number(setting.speed.value) || 1;
  const step = Math.max(5, Math.round((last - first) / 200e3)) * 1000; // of an arrow key
  return html`<section class="watch" aria-label=${t("watch")}>
    <span class="tag">${t("watch.at", { time: Date.now() - at > 20 * 3600e3 ? fullText(at) : secondsText(at) })}</span>
    <label class="scrub"><span class="sr">${t("watch.place")}</span><input type="range" id="scrub" min=${first} max=${last} step=${step} value=${at} aria-valuetext=${secondsText(at)}
      onChange=${(e) => change({ from: iso(Number(e.target.value)) })} /></label>
    <label class="speed"><span class="sr">${t("watch.speed")}</span><select id="speed" value=${String(speed)} onChange=${(e) => change({ from: iso(now.peek()), speed: e.target.value })}>
      ${[...new Set([...speeds, speed])].sort((a, b) => a - b).map((n) => html`<option key=${n} value=${String(n)} selected=${n === speed}>${n}×</option>`)}</select></label>
    <button type="button" onClick=${(e) => { change({ from: "", speed: "" }); focusOn("#main", e); }}>${t("watch.stop")}</button>
  </section>`;
}
