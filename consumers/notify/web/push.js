// Notifications in the browser (Web Push), from a channel of the consumer notify.
//
//   import { subscribe, subscribed, unsubscribe } from "/api/notify/push.js";
//   button.onclick = () => subscribe("phones", { teams: ["Toronto FC"], kinds: ["goal"] });
//
// Call subscribe from a click: browsers require one. It throws an Error with the reason
// if the user or the server refuses.

const here = new URL(".", import.meta.url);

export async function subscribe(channel, filter = {}) {
  const { public_key } = await call("GET", channel);
  const registration = await navigator.serviceWorker.register(new URL("worker.js", here));
  await active(registration);
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(public_key) });
  await call("POST", `${channel}/subscriptions`, { subscription, ...filter });
  localStorage.setItem(mark(channel), subscription.endpoint);
  return subscription;
}

// unsubscribe ends the notifications of this channel, but not those of other channels.
export async function unsubscribe(channel) {
  const subscription = await current();
  if (subscription) await call("DELETE", `${channel}/subscriptions`, subscription);
  localStorage.removeItem(mark(channel));
}

// subscribed reports whether this browser has subscribed to the channel.
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
  const response = await fetch(new URL(path, here), { method, body: body && JSON.stringify(body) });
  const result = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(result.detail ?? response.statusText);
  return result;
}

// Some browsers accept the key only as bytes.
function bytes(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
