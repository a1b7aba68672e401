// The service worker of push.js shows notifications. A notification replaces an earlier notification
// with the same tag. It makes a sound only if renotify is true.

self.addEventListener("push", (event) => {
  const { title, body, tag, renotify, ...about } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, { body, tag, renotify, silent: !renotify, data: about }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url } = event.notification.data;
  event.waitUntil(
    self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((pages) => {
      const open = pages.find((page) => !url || page.url === new URL(url, self.location).href);
      return open ? open.focus() : self.clients.openWindow(url ?? "/");
    }),
  );
});

self.addEventListener("install", () => self.skipWaiting());
