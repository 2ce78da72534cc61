// Web Push for this browser.

const TOLD = "orderbell push"; // the subscription that the server knows, as far as this tab has told it

// Where a page asks for Trusted Types, a worker's URL must be one.
const ours = { createScriptURL: (url) => url };
const trusted = globalThis.trustedTypes?.createPolicy("orderbell", ours) ?? ours;

export const pushSupported = () => "serviceWorker" in navigator && "PushManager" in globalThis;

/**
 * Registers the service worker, subscribes, and tells the server. To be called at a click, since the browser asks the
 * person. Returns the subscription, or null where the person or the browser says no. `worker` is of the page's own
 * origin; from `tokenUrl` it gets a token when the browser changes the subscription and no page is open.
 *
 *   await enablePush({ api: "https://orders.example", worker: "/orderbell-sw.js", getToken });
 */
export async function enablePush({ api, worker = "/web/orderbell-sw.js", scope, getToken, tokenUrl }) {
  if (!pushSupported()) return null;
  const answer = await fetch(at(api, "/vapid-public-key"));
  if (!answer.ok) return null;
  const { public_key: key } = await answer.json();
  if ((await Notification.requestPermission()) !== "granted") return null;
  const script = new URL(worker, document.baseURI);
  script.searchParams.set("api", at(api));
  if (tokenUrl) script.searchParams.set("token", new URL(tokenUrl, document.baseURI));
  const url = trusted.createScriptURL(script.href);
  const registration = await navigator.serviceWorker.register(url, scope ? { scope } : {});
  await activated(registration);
  let subscription = await registration.pushManager.getSubscription();
  if (subscription && !sameKey(subscription.options.applicationServerKey, key)) {
    await subscription.unsubscribe(); // the server has a new key: pushes to the old subscription would be refused
    subscription = null;
  }
  subscription ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  await tell("POST", api, getToken, subscription);
  keepTelling(api, getToken);
  return subscription;
}

/** Ends it on this device, as at the end of a session: the next person here is not shown what is another's. */
export async function disablePush({ api, getToken }) {
  const subscription = await pushSubscription();
  await (subscription && tell("DELETE", api, getToken, subscription).catch(() => null)); // it ends without the server, too
  await subscription?.unsubscribe();
}

/** This device's subscription by our worker, or null. */
export async function pushSubscription() {
  if (!pushSupported()) return null;
  const all = await navigator.serviceWorker.getRegistrations();
  const ours = all.find(({ active }) => active?.scriptURL.includes("api%2Fpush-subscriptions"));
  return ours ? ours.pushManager.getSubscription() : null;
}

/** At each load of a page: what the browser has changed meanwhile. */
export async function resumePush({ api, getToken }) {
  const subscription = await (api && pushSubscription());
  if (!subscription) return;
  if (sessionStorage.getItem(TOLD) !== subscription.endpoint) await tell("POST", api, getToken, subscription);
  keepTelling(api, getToken);
}

let hear;

/** What the worker says of a new subscription; to the person who came last. */
function keepTelling(api, getToken) {
  navigator.serviceWorker.removeEventListener("message", hear);
  hear = async ({ data, ports }) => {
    if (data?.type !== "orderbell:subscription") return;
    await tell("POST", api, getToken, data.subscription);
    ports[0].postMessage("told");
  };
  navigator.serviceWorker.addEventListener("message", hear);
}

async function tell(method, api, getToken, subscription) {
  const { ok, status } = await fetch(at(api), {
    method,
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${await getToken()}` },
    body: JSON.stringify(subscription),
  });
  if (!ok) throw new Error(`the subscription was not taken: ${status}`);
  sessionStorage.setItem(TOLD, method === "POST" ? subscription.endpoint : "");
}

const at = (api, path = "") =>
  new URL(`api/push-subscriptions${path}`, new URL(`${api}`.replace(/\/*$/, "/"), document.baseURI)).href;

function activated({ active, installing, waiting }) {
  const coming = installing ?? waiting;
  if (active || !coming) return null;
  return new Promise((done) => {
    coming.addEventListener("statechange", () => coming.state === "activated" && done());
  });
}

function sameKey(bytes, key) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes ?? [])));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") === key.replace(/=+$/, "");
}
