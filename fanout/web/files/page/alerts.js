// Notifications: a button that subscribes this browser to a Web Push channel of the notify consumer, with the
// filter of the page.
import { html, useEffect, useSignal } from "../dist/preact.js";
import { root } from "./card.js";
import { Shape } from "./icons.js";
import { settings } from "./settings.js";
import { current, t } from "./words.js";

const storageKey = "matchwire-page-alerts";

// stored returns the filters that this browser has subscribed with, by channel.
function stored() {
  try {
    return JSON.parse(localStorage.getItem(storageKey)) ?? {};
  } catch {
    return {};
  }
}

// filterOf returns the filter of a subscription: the teams, leagues and kinds that the page shows.
export function filterOf(s, matches) {
  const words = new Map(matches.filter((m) => m.incidents.length).map((m) => [m.league, m.incidents[0].key.split(".").slice(0, 2).join(".")]));
  const topics = s.league.map((league) => words.get(league)).filter(Boolean).map((word) => word + ".*");
  return { teams: s.team, kinds: s.kind, ...(topics.length ? { topics } : {}) };
}

// Alerts shows a button for each channel. It shows nothing if the server has no channels.
export function Alerts({ model }) {
  const channels = useSignal([]);
  const on = useSignal(new Set());
  const problem = useSignal("");
  const push = () => import(new URL("api/notify/push.js", root));
  useEffect(() => {
    (async () => {
      if (!("PushManager" in globalThis) || !navigator.serviceWorker) return;
      const response = await fetch(new URL("api/notify/", root));
      if (!response.ok) return;
      const { channels: all } = await response.json();
      const { subscribed } = await push();
      const states = await Promise.all(all.map(subscribed));
      on.value = new Set(all.filter((_, n) => states[n]));
      channels.value = all;
    })().catch(() => {}); // no API at this address
  }, []);
  const act = async (channel) => {
    problem.value = "";
    try {
      const { subscribe, unsubscribe } = await push();
      const filters = stored();
      if (on.value.has(channel)) {
        await unsubscribe(channel);
        delete filters[channel];
        on.value = new Set([...on.value].filter((c) => c !== channel));
      } else {
        filters[channel] = filterOf(settings.peek(), model.matches.list());
        await subscribe(channel, { ...filters[channel], language: current.peek().code });
        on.value = new Set([...on.value, channel]);
      }
      localStorage.setItem(storageKey, JSON.stringify(filters));
    } catch (error) {
      problem.value = t("alerts.failed", { reason: error.message });
    }
  };
  if (!channels.value.length) return null;
  const filters = stored();
  return html`<div class="field alerts"><span>${t("alerts")}</span>
    ${channels.value.map((channel) => html`<div key=${channel}><button type="button" data-channel=${channel} onClick=${() => act(channel)}>
        <${Shape} name="bell" /> ${t(on.value.has(channel) ? "alerts.off" : "alerts.on")}${channels.value.length > 1 ? ` (${channel})` : ""}</button>
      ${on.value.has(channel) && html`<p class="small">${t("alerts.subscribed")} ${[...(filters[channel]?.teams ?? []), ...(filters[channel]?.topics ?? []), ...(filters[channel]?.kinds ?? [])].join(", ")}</p>`}</div>`)}
    <small>${t("alerts.help")}</small>
    <p role="status" class="small">${problem.value}</p></div>`;
}
