// Alerts in the browser (Web Push), from a channel of the consumer notify.
//
//   import { subscribe, subscribed, unsubscribe } from "/api/notify/push.js";
//   button.onclick = () => subscribe("phones", { teams: ["Toronto FC"], kinds: ["goal"] });
//
// Call subscribe from a click: browsers let nobody else ask. It throws an Error
// that says why, when the reader or the server does not want it.

const here = new URL(".", import.meta.url);

export async function subscribe(channel, wants = {}) {
  const { public_key } = await call("GET", channel);
  const registration = await navigator.serviceWorker.register(new URL("worker.js", here));
  await active(registration);
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(public_key) });
  await call("POST", `${channel}/subscriptions`, { subscription, ...wants });
  localStorage.setItem(mark(channel), subscription.endpoint);
  return subscription;
}

// unsubscribe ends the alerts of this channel; others of the page go on.
export async function unsubscribe(channel) {
  const subscription = await current();
  if (subscription) await call("DELETE", `${channel}/subscriptions`, subscription);
  localStorage.removeItem(mark(channel));
}

// subscribed tells whether this browser is alerted, for a button that shows it.
export async function subscribed(channel) {
  const endpoint = (await current())?.endpoint;
  return endpoint !== undefined && localStorage.getItem(mark(channel)) === endpoint;
}

const mark = (channel) => `matchwire-alerts-${channel}`;

async function current() {
  const registration = await navigator.serviceWorker.getRegistration(here);
  return registration?.pushManager.getSubscription();
}

async function active(registration) {
  const worker = registration.installing ?? registration.waiting;
  if (registration.active || !worker) return;
  await new Promise((resolve) => worker.addEventListener("statechange", () => worker.state === "activated" && resolve()));
}

async function call(method, path, body) {
  const answer = await fetch(new URL(path, here), { method, body: body && JSON.stringify(body) });
  const said = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(said.detail ?? answer.statusText);
  return said;
}

// Not every browser takes the key as the text that it is.
function bytes(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
