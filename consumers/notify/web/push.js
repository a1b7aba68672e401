// Alerts in the browser (Web Push), from a channel of the consumer notify.
//
//   import { subscribe, unsubscribe } from "/api/notify/push.js";
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
  return subscription;
}

export async function unsubscribe(channel) {
  const registration = await navigator.serviceWorker.getRegistration(here);
  const subscription = await registration?.pushManager.getSubscription();
  if (!subscription) return;
  await call("DELETE", `${channel}/subscriptions`, subscription);
  await subscription.unsubscribe();
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
