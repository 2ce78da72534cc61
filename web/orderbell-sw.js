// Orderbell's service worker: shows Web Pushes, also when no page is open.
//
// A push is JSON: {id, event, subject, title, body, url, action, tag, priority, created_at}, and withdrawn: true where it
// takes the place of an offer that holds no longer. It is registered with ?api= (where subscriptions are kept) and, where
// there is one, &token= (where a page's cookies get a token).

const ANSWER_MS = 5000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  event.waitUntil(show(event.data));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url));
});

self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(renew(event));
});

async function show(data) {
  let push = {};
  try {
    push = data?.json() ?? {};
  } catch {
    // Something must be shown for every push, else the browser takes the permission away.
  }
  const { title, body, tag, url, id, action, priority, created_at, withdrawn } = push;
  await self.registration.showNotification(title || "Orderbell", {
    body: body ?? "",
    // A newer status of an order takes the older one's place, and makes itself heard; what is taken back does not.
    ...(tag ? { tag, renotify: !withdrawn } : {}),
    silent: Boolean(withdrawn),
    ...(action && url ? { actions: [{ action: "open", title: action }] } : {}),
    ...(created_at ? { timestamp: Date.parse(created_at) } : {}),
    requireInteraction: priority === "urgent" && !withdrawn,
    data: { url, id },
  });
}

async function open(url) {
  const target = safe(url);
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((page) => page.url === target) ?? (url ? undefined : pages[0]);
  if (there) await there.focus();
  else await self.clients.openWindow(target);
}

// Only a page: never javascript: or data:, whatever a push says.
function safe(url) {
  try {
    const target = new URL(url, self.location.origin);
    if (target.protocol === "https:" || target.protocol === "http:") return target.href;
  } catch {
    // no URL
  }
  return new URL("/", self.location.origin).href;
}

// The browser has ended the subscription. A new one is made with the same key, and the server is told: by a page that is
// open and has the token, else with a token of our own, else by the next page that is loaded.
async function renew(event) {
  const options = event.oldSubscription?.options;
  const subscription =
    event.newSubscription ??
    (options?.applicationServerKey && (await self.registration.pushManager.subscribe(options)));
  if (!subscription) return;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const page of pages) if (await told(page, subscription)) return;
  await tell(subscription);
}

function told(page, subscription) {
  const { port1, port2 } = new MessageChannel();
  page.postMessage({ type: "orderbell:subscription", subscription: subscription.toJSON() }, [port2]);
  return new Promise((done) => {
    port1.onmessage = () => done(true);
    setTimeout(() => done(false), ANSWER_MS);
  });
}

async function tell(subscription) {
  const parameters = new URL(self.location).searchParams;
  const [api, where] = [parameters.get("api"), parameters.get("token")];
  if (!api || !where) return;
  const answer = await fetch(where, { credentials: "include" });
  if (!answer.ok) return;
  const text = await answer.text();
  const token = text.startsWith("{") ? JSON.parse(text).token : text.trim();
  await fetch(api, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify(subscription),
  });
}
