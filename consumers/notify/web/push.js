// Web Push notifications in the browser, from a channel of the notify consumer.
//
//   import { subscribe, subscribed, unsubscribe } from "/api/notify/push.js";
//   button.onclick = () => subscribe("phones", { teams: ["Toronto FC"], kinds: ["goal"] });
//
// Call subscribe in a click handler: browsers ask for permission only after a click. If the
// user or the server refuses, subscribe throws an Error with the reason.

const here = new URL(".", import.meta.url);

// subscribe registers the service worker and subscribes this browser to a channel. Call it again to
// change the filter.
export async function subscribe(channel, filter = {}) {
  const { public_key } = await call("GET", channel);
  const registration = await navigator.serviceWorker.register(new URL("worker.js", here));
  await active(registration);
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(public_key) });
  await call("POST", `${channel}/subscriptions`, { subscription, ...filter });
  localStorage.setItem(storageKey(channel), subscription.endpoint);
  return subscription;
}

// unsubscribe ends the notifications of this channel. Other channels keep their subscriptions.
export async function unsubscribe(channel) {
  const subscription = await current();
  if (subscription) await call("DELETE", `${channel}/subscriptions`, subscription);
  localStorage.removeItem(storageKey(channel));
}

// subscribed reports whether this browser has subscribed to the channel.
export async function subscribed(channel) {
  const endpoint = (await current())?.endpoint;
  return endpoint !== undefined && localStorage.getItem(storageKey(channel)) === endpoint;
}

const storageKey = (channel) => `matchwire-alerts-${channel}`;

// current returns this browser's PushSubscription. It returns undefined or null if there is none.
async function current() {
  const registration = await navigator.serviceWorker.getRegistration(here);
  return registration?.pushManager.getSubscription();
}

// active waits until the service worker is active.
async function active(registration) {
  const worker = registration.installing ?? registration.waiting;
  if (registration.active || !worker) return;
  await new Promise((resolve) => worker.addEventListener("statechange", () => worker.state === "activated" && resolve()));
}

// call calls the API and returns the decoded response, or null if it is empty.
async function call(method, path, body) {
  const response = await fetch(new URL(path, here), {
    method, body: body && JSON.stringify(body), headers: { "Content-Type": "application/json" },
  });
  const result = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(result.detail ?? response.statusText);
  return result;
}

// bytes decodes a key, because some browsers do not accept the key as a string.
function bytes(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
