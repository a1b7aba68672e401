// The history of the last hour. The page keeps it, so it begins when the page is opened.
import { html } from "../dist/preact.js";
import { t } from "./words.js";

const span = 3600e3; // of the history, in milliseconds
const all = new Map(); // samples by name of the series, each [time, value], oldest first

// record adds the values of an overview to the history. It forgets series that are gone.
export function record(o) {
  const at = Date.parse(o.at);
  const now = new Map();
  for (const q of o.queues) if (q.state) now.set("messages " + q.name, q.state.messages);
  for (const c of o.consumers) now.set("rate " + c.name, c.rate);
  now.set("clients", o.fanout.reduce((sum, n) => sum + n.clients, 0));
  now.set("outboxes", o.outboxes.list.reduce((sum, b) => sum + b.messages, 0));
  for (const [name, value] of now) {
    if (!all.has(name)) all.set(name, []);
    const samples = all.get(name);
    if (samples.at(-1)?.[0] < at || !samples.length) samples.push([at, value]);
  }
  for (const [name, samples] of all) {
    while (samples.length && samples[0][0] < at - span) samples.shift();
    if (!samples.length) all.delete(name);
  }
}

const width = 120, height = 28;

// Spark is a small chart of a series, with the same in words.
export function Spark({ series, what }) {
  const samples = all.get(series) ?? [];
  if (samples.length < 2) return html`<span class="spark" aria-hidden="true"></span>`;
  const first = samples[0][0], last = samples.at(-1)[0];
  const most = Math.max(...samples.map(([, value]) => value));
  const columns = new Map(); // the greatest value of each column of the chart
  for (const [at, value] of samples) {
    const x = Math.round(((at - first) / (last - first)) * width);
    columns.set(x, Math.max(columns.get(x) ?? 0, value));
  }
  const y = (value) => (height - 2 - (most ? value / most : 0) * (height - 4)).toFixed(1);
  const line = [...columns].map(([x, value], n) => `${n ? "L" : "M"}${x} ${y(value)}`).join("");
  const minutes = Math.max(1, Math.round((last - first) / 60e3));
  const text = t("chart", { what, n: minutes, now: samples.at(-1)[1], most });
  return html`<svg class=${"spark" + (most ? "" : " flat")} viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label=${text}>
    <title>${text}</title><path class="area" d=${`${line}V${height}H0Z`} /><path class="line" d=${line} /></svg>`;
}
