// A chart of the lead over time, for sports with many scores.
import { html } from "../dist/preact.js";
import { clock } from "./format.js";
import { inOrder, timeOf } from "./incidents.js";
import { periodName, t } from "./words.js";

const sports = ["basketball", "american_football", "rugby", "ice_hockey", "baseball"];

// leads returns the lead of the home side after each score, with the incident, in order. The lead is negative
// if the away side leads.
export function leads(m) {
  let last = null;
  const all = [];
  for (const i of inOrder(m.incidents)) {
    if (!i.score || (last && i.score.home === last.home && i.score.away === last.away)) continue;
    if (last && (i.score.home < last.home || i.score.away < last.away)) continue; // its order is not known exactly
    last = i.score;
    all.push({ i, lead: last.home - last.away });
  }
  return all;
}

// Chart shows the leads as steps. The text below it says the same in words.
export function Chart({ m }) {
  if (!sports.includes(m.sport)) return null;
  const all = leads(m);
  if (all.length < 3) return null;
  const up = Math.max(1, ...all.map((p) => p.lead));
  const down = Math.max(1, ...all.map((p) => -p.lead));
  const width = 600, height = 160, middle = (height * up) / (up + down);
  const x = (n) => Math.round(((n + 1) / (all.length + 1)) * width);
  const y = (lead) => Math.round(middle - (lead * (height - 8)) / (up + down));
  let path = `M0 ${y(0)}`;
  all.forEach((p, n) => { path += `H${x(n)}V${y(p.lead)}`; });
  path += `H${width}`;
  const area = path + `V${y(0)}H0Z`;
  const starts = all.flatMap((p, n) => (n > 0 && p.i.clock?.period && p.i.clock.period !== all[n - 1].i.clock?.period ? [{ n, period: p.i.clock.period }] : []));
  const words = t("lead.text", { home: m.match.home, away: m.match.away, up: Math.max(0, ...all.map((p) => p.lead)), down: Math.max(0, ...all.map((p) => -p.lead)) });
  return html`<section class="panel"><h3>${t("lead")}</h3>
    <figure class="chart"><svg viewBox=${`0 0 ${width} ${height}`} aria-hidden="true" preserveAspectRatio="none">
      <clipPath id="above"><rect x="0" y="0" width=${width} height=${y(0)} /></clipPath>
      <clipPath id="below"><rect x="0" y=${y(0)} width=${width} height=${height} /></clipPath>
      <path d=${area} class="area home" clip-path="url(#above)" /><path d=${area} class="area away" clip-path="url(#below)" />
      ${starts.map(({ n }) => html`<path key=${n} d=${`M${x(n) - 2} 0V${height}`} class="grid" />`)}
      <path d=${`M0 ${y(0)}H${width}`} class="zero" /><path d=${path} class="line" />
    </svg><div class="ends"><span class="home">${m.match.home} +${up}</span><span class="away">${m.match.away} +${down}</span></div>
    <figcaption>${words} <span class="when">${[all[0], all.at(-1)].map((p) => [p.i.clock?.period && periodName(p.i.clock.period, m.sport), timeOf(p.i) || clock(p.i.clock, m.sport)].filter(Boolean).join(" ")).filter(Boolean).join(" – ")}</span></figcaption></figure>
  </section>`;
}
