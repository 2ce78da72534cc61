// Orderbell in the browser: the live inbox of one person. One ES module, no build.
//
//   import { OrderbellClient } from "https://orders.example/web/orderbell.js";
//   const bell = new OrderbellClient();
//   bell.addEventListener("notification", (event) => show(event.detail));
//   bell.connect("https://orders.example/ws", () => fetchMyToken());
//
// The protocol is docs/reference/websocket.md.

const AUTH_CODES = new Set([4401, 4419]); // the token is bad, or has expired
const REPLACED = 4409; // this person has too many connections: coming back at once would only push out another
const SEEN_AT_MOST = 1000;

/**
 * Events, each with its `detail`:
 *   notification  a notification, as the REST API gives it
 *   update        {id, read_at} or {up_to, read_at}: read, here or on another device
 *   unread        how many are unread
 *   state         "connecting", "live", "waiting", "unauthorized" or "closed"
 *   reload        null: too much was missed, fetch the list again
 *   error         {code, message}: what the server said of a message
 */
export class OrderbellClient extends EventTarget {
  #url = null;
  #getToken = null;
  #socket = null;
  #state = "closed";
  #attempt = 0;
  #refused = null; // the token that the server did not take
  #token = null;
  #lastId;
  #seen = new Set();
  #unread = 0;
  #countedTo = 0; // notifications up to this id are in #unread
  #retryTimer = null;
  #watchTimer = null;
  #options;

  /** `after`: the last notification that the page has already; null to start with what comes now. */
  constructor({ after = null, ...options } = {}) {
    super();
    this.#lastId = after;
    this.#options = {
      WebSocket: globalThis.WebSocket,
      random: Math.random,
      firstDelay: 500, // ms; doubles with each attempt, and a random part of it is waited (full jitter)
      longestDelay: 30_000,
      silence: 45_000, // after so long without a word the server is asked for one
      answer: 10_000, // and this is how long it may take
      ...options,
    };
  }

  get state() {
    return this.#state;
  }

  get unread() {
    return this.#unread;
  }

  /** The id to come back with: give it to a new client as `after`, or null. */
  get lastId() {
    return this.#lastId;
  }

  /** `getToken` returns a JWT, or a promise of one. It is asked at every attempt. */
  connect(url = "/ws", getToken) {
    this.close();
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace(/^http/, "ws");
    this.#getToken = getToken;
    this.#attempt = 0;
    globalThis.addEventListener?.("online", this.#hurry);
    this.#open();
  }

  close() {
    globalThis.removeEventListener?.("online", this.#hurry);
    this.#getToken = null;
    this.#drop(1000);
    this.#become("closed");
  }

  markAsRead(id) {
    return this.#send({ type: "mark_as_read", id });
  }

  markAllAsRead() {
    return this.#send({ type: "mark_all_as_read" });
  }

  requestUnreadCount() {
    return this.#send({ type: "get_unread_count" });
  }

  async #open() {
    const getToken = this.#getToken;
    if (this.#refused === null) this.#become("connecting");
    let token;
    try {
      token = await getToken();
    } catch {
      if (getToken === this.#getToken) this.#retry("waiting");
      return;
    }
    if (getToken !== this.#getToken || getToken === null) return; // closed meanwhile
    if (!token || token === this.#refused) {
      this.#retry("unauthorized");
      return;
    }
    this.#token = token;
    this.#become("connecting");
    const socket = new this.#options.WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => this.#send({ type: "hello", token, after: this.#lastId });
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event.code);
    };
    this.#watch();
  }

  #receive(data) {
    this.#watch();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    switch (frame.type) {
      case "welcome":
        this.#attempt = 0;
        this.#refused = null;
        if (this.#lastId === null) this.#lastId = frame.last_id;
        this.#count(frame.unread_count, frame.last_id);
        this.#become("live");
        break;
      case "new_notification":
        this.#take(frame);
        break;
      case "notification_update": {
        const { type, ...detail } = frame;
        this.#emit("update", detail);
        break;
      }
      case "notification_withdrawn":
        // An offer that holds no longer: out of the list, and out of the count.
        this.#emit("withdrawn", { id: frame.id });
        if (frame.unread && this.#unread > 0) this.requestUnreadCount();
        break;
      case "unread_count":
        // A notification overtook the count: it is not in it, so the count is asked for again.
        if (frame.last_id < this.#lastId) this.requestUnreadCount();
        else this.#count(frame.unread_count, frame.last_id);
        break;
      case "reload":
        // What was seen before may have nothing to do with this inbox: a database can be restored.
        this.#lastId = this.#countedTo;
        this.#emit("reload", null);
        break;
      case "error":
        this.#emit("error", { code: frame.code, message: frame.message });
        break;
    }
  }

  #take({ id, notification }) {
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    if (this.#seen.size > SEEN_AT_MOST) this.#seen.delete(this.#seen.values().next().value);
    this.#lastId = Math.max(this.#lastId ?? 0, id);
    this.#emit("notification", notification);
    if (id > this.#countedTo && notification.read_at === null) this.#count(this.#unread + 1, id);
  }

  #count(unread, upTo) {
    this.#countedTo = upTo;
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#emit("unread", unread);
  }

  #lost(code) {
    this.#drop();
    if (AUTH_CODES.has(code)) {
      // Not again with this token: only getToken knows when there is another.
      const first = this.#refused !== this.#token;
      this.#refused = this.#token;
      if (first) {
        this.#open();
        return;
      }
    }
    if (code === REPLACED) this.#attempt = Infinity;
    this.#retry("waiting");
  }

  #retry(state) {
    this.#become(state);
    const { firstDelay, longestDelay, random } = this.#options;
    const most = Math.min(longestDelay, firstDelay * 2 ** this.#attempt);
    // Full jitter spreads those who were cut off together; the replaced one waits the whole time.
    const delay = this.#attempt === Infinity ? longestDelay : most * random();
    this.#attempt = this.#attempt === Infinity ? 0 : this.#attempt + 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#open(), delay);
  }

  #hurry = () => {
    if (this.#state !== "waiting") return;
    clearTimeout(this.#retryTimer);
    this.#open();
  };

  /** A browser does not notice that a connection leads nowhere: ask, and give up on silence. */
  #watch() {
    clearTimeout(this.#watchTimer);
    const { silence, answer } = this.#options;
    this.#watchTimer = setTimeout(() => {
      this.#send({ type: "ping" });
      this.#watchTimer = setTimeout(() => this.#lost(1006), answer);
    }, silence);
  }

  #send(message) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #drop(code) {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#watchTimer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) socket.close(code);
  }

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#emit("state", state);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Web Push for this browser: registers the service worker, subscribes, and tells the server. Ask from a click the
 * first time, since the browser asks the person; then at every page load, which also brings back a subscription that
 * the browser has renewed. Returns the subscription, or null where the person or the browser says no.
 *
 *   await enablePush({ api: "https://orders.example", worker: "/orderbell-sw.js", getToken });
 */
export async function enablePush({ api, worker = "/web/orderbell-sw.js", scope, getToken }) {
  if (!("serviceWorker" in navigator) || !("PushManager" in globalThis)) return null;
  const answer = await fetch(new URL("/api/push-subscriptions/vapid-public-key", api));
  if (!answer.ok) return null;
  const { public_key: key } = await answer.json();
  if ((await Notification.requestPermission()) !== "granted") return null;
  const registration = await navigator.serviceWorker.register(worker, scope ? { scope } : {});
  const options = { userVisibleOnly: true, applicationServerKey: key };
  let subscription = await registration.pushManager.getSubscription();
  if (subscription && !sameKey(subscription.options.applicationServerKey, key)) {
    await subscription.unsubscribe(); // the server has a new key: pushes to the old subscription would be refused
    subscription = null;
  }
  subscription ??= await registration.pushManager.subscribe(options);
  await sendSubscription(api, getToken, subscription);
  navigator.serviceWorker.addEventListener("message", (event) => {
    if (event.data?.type === "orderbell:subscription") sendSubscription(api, getToken, event.data.subscription);
  });
  return subscription;
}

async function sendSubscription(api, getToken, subscription) {
  const response = await fetch(new URL("/api/push-subscriptions", api), {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${await getToken()}` },
    body: JSON.stringify(subscription),
  });
  if (!response.ok) throw new Error(`the subscription was not taken: ${response.status}`);
}

function sameKey(bytes, key) {
  if (!bytes) return false;
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") === key.replace(/=+$/, "");
}
