// The service worker of push.js: it shows what is pushed. What has the tag of
// something that is shown takes its place, and makes a sound only if it is news.

self.addEventListener("push", (event) => {
  const { title, body, tag, renotify, ...about } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, { body, tag, renotify, silent: !renotify, data: about }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.matchAll({ type: "window", includeUncontrolled: true }).then(([open]) => (open ? open.focus() : self.clients.openWindow("/"))));
});

self.addEventListener("install", () => self.skipWaiting());
