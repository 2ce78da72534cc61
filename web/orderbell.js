// docs/how-to/bell.md and docs/reference/websocket.md.

const AUTH_CODES = [4401, 4419];
const REPLACED = 4409; // to come back would push out another
const SEEN_AT_MOST = 1000;
const PAGE = 100;
const PLAIN = {
  notification_update: "update",
  order_status_update: "status",
  location_update: "location",
};

export class OrderbellClient extends EventTarget {
  #url;
  #getToken = null;
  #token = null;
  #refused = null; // the token that the server did not take
  #socket = null;
  #state = "closed";
  #attempt = 0;
  #failures = 0; // in a row, and never a welcome
  #lastId;
  #since; // "" while the page is to reload
  #caughtUp;
  #key;
  #seen = new Set();
  #unread = 0;
  #countedTo = 0; // notifications up to this id are in #unread
  #polled;
  #rooms = new Set();
  #asking = []; // one after the other
  #timers = {};
  #options;

  constructor({ after = null, ...options } = {}) {
    super();
    this.#lastId = after;
    this.#options = {
      WebSocket: globalThis.WebSocket,
      random: Math.random,
      storage: null,
      firstDelay: 500,
      longestDelay: 30_000,
      silence: 45_000,
      answer: 10_000,
      blocked: 3,
      poll: 15_000,
      renewBefore: 60_000,
      renewAfter: 10_000,
      ...options,
    };
  }

  get state() {
    return this.#state;
  }

  get unread() {
    return this.#unread;
  }

  get lastId() {
    return this.#lastId;
  }

  connect(url = "/ws", getToken = () => "") {
    this.close();
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#getToken = getToken;
    this.#attempt = this.#failures = 0;
    globalThis.addEventListener?.("online", this.#hurry);
    this.#open();
  }

  close() {
    globalThis.removeEventListener?.("online", this.#hurry);
    this.#getToken = this.#token = this.#refused = null;
    this.#drop(1000);
    clearTimeout(this.#timers.poll);
    this.#become("closed");
  }

  /** JSON or null; rejects with an Error that has a `status`. */
  async request(method, path, body, keepalive = false) {
    const url = new URL(path, this.#url);
    url.protocol = url.protocol.replace("ws", "http");
    for (let again = true; ; again = false) {
      this.#token ??= await this.#getToken();
      const answer = await fetch(url, {
        method,
        keepalive,
        headers: { Authorization: `Bearer ${this.#token}`, ...(body && { "Content-Type": "application/json" }) },
        body: body && JSON.stringify(body),
      });
      if (answer.ok) return answer.status === 204 ? null : answer.json();
      if (answer.status !== 401 || !again) throw Object.assign(new Error(path), { status: answer.status });
      this.#token = null;
    }
  }

  /** `mark` as the REST API has it. */
  async mark(mark, ids) {
    for (let at = 0; at < ids.length; at += PAGE) {
      const some = ids.slice(at, at + PAGE);
      if (this.#send(mark.endsWith("e") ? mark : `mark_as_${mark}`, { ids: some })) continue;
      await this.request("POST", "api/notifications/bulk", { ids: some, action: mark });
      this.#poll();
    }
  }

  async markAll(mark) {
    if (this.#send(`mark_all_as_${mark}`)) return;
    await this.request("POST", `api/notifications/mark-all-${mark}`);
    this.#poll();
  }

  markAsRead(id) {
    return this.mark("read", [id]);
  }

  markAllAsRead() {
    return this.markAll("read");
  }

  requestUnreadCount() {
    return this.#send("get_unread_count");
  }

  /** The list is new, or will not be shown before. */
  reloaded() {
    this.#since ||= this.#caughtUp;
    this.#upTo(this.#lastId);
  }

  subscribe(room) {
    this.#rooms.add(room);
    if (this.#state === "live" && this.#asking.push(room) === 1) this.#ask();
  }

  unsubscribe(room) {
    if (this.#rooms.delete(room)) this.#send("unsubscribe", { room });
  }

  sendLocation(room, where) {
    return this.#send("location", { ...where, room });
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
    if (getToken !== this.#getToken) return;
    if (token == null || token === this.#refused) {
      this.#retry("unauthorized");
      return;
    }
    this.#use(token);
    this.#become("connecting");
    let socket;
    try {
      this.#socket = socket = new this.#options.WebSocket(this.#url);
    } catch {
      this.#lost();
      return;
    }
    socket.onopen = () => this.#send("hello", { token: token || undefined, after: this.#lastId, since: this.#since });
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(JSON.parse(data));
    };
    socket.onerror = socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#lost(code);
    };
    this.#start("watch", this.#options.answer, () => this.#lost());
  }

  #use(token) {
    this.#token = token;
    const { storage, renewBefore, renewAfter } = this.#options;
    try {
      const { sub, exp } = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
      if (exp) {
        const left = exp * 1000 - Date.now() - renewBefore;
        this.#start("renew", Math.max(left, renewAfter), () => this.#renew());
      }
      this.#key = `orderbell ${this.#url} ${sub}`;
      const kept = JSON.parse(storage?.getItem(this.#key) ?? null);
      if (this.#lastId === null && kept) [this.#lastId, this.#since] = kept;
    } catch {
      // not a JWT
    }
  }

  async #renew() {
    const getToken = this.#getToken;
    const token = await Promise.resolve(getToken()).catch(() => null);
    if (!token || token === this.#token || getToken !== this.#getToken) return; // 4419 will follow
    this.#use(token);
    this.#send("renew", { token });
  }

  #receive({ type, ...detail }) {
    this.#watch();
    const { id, room, last_id: lastId, unread_count: unread } = detail;
    switch (type) {
      case "welcome":
        this.#attempt = 0;
        this.#failures = -Infinity;
        this.#refused = null;
        clearTimeout(this.#timers.poll);
        this.#upTo(this.#lastId ?? lastId);
        this.#count(unread, lastId);
        this.#become("live");
        this.#asking = [...this.#rooms];
        this.#ask();
        break;
      case "caught_up":
        this.#caughtUp = detail.since;
        if (this.#since !== "") this.#since = this.#caughtUp;
        this.#upTo(this.#lastId);
        break;
      case "new_notification":
        this.#take(detail.notification);
        break;
      case "notification_withdrawn":
        this.#emit("withdrawn", { id });
        if (detail.unread && this.#unread > 0) this.requestUnreadCount();
        break;
      case "unread_count":
        // A notification overtook the count, and is not in it.
        if (lastId < this.#lastId) this.requestUnreadCount();
        else this.#count(unread, lastId);
        break;
      case "subscribed":
        for (const kind of ["status", "location"]) if (detail[kind]) this.#emit(kind, { room, ...detail[kind] });
        this.#answered(room);
        break;
      case "unsubscribed":
        if (this.#rooms.delete(room)) this.#emit("left", detail);
        break;
      case "reload":
        // The database may have been restored.
        this.#lastId = this.#countedTo;
        this.#reload();
        break;
      case "error":
        if (/busy|limited|unav/.test(detail.code)) this.#start("ask", this.#options.answer, () => this.#ask());
        else this.#answered(room);
      // falls through
      default:
        this.#emit(PLAIN[type] ?? type, detail);
    }
  }

  #ask() {
    const [room] = this.#asking;
    if (this.#rooms.has(room)) this.#send("subscribe", { room });
    else if (room) this.#answered(room);
  }

  #answered(room) {
    if (room !== this.#asking[0]) return;
    this.#asking.shift();
    this.#ask();
  }

  #reload() {
    this.#since = "";
    this.#upTo(this.#lastId);
    this.#emit("reload", null);
  }

  #take(notification) {
    const { id } = notification;
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    if (this.#seen.size > SEEN_AT_MOST) this.#seen.delete(this.#seen.values().next().value);
    this.#upTo(Math.max(this.#lastId, id));
    this.#emit("notification", notification);
    if (id > this.#countedTo && !notification.read_at) this.#count(this.#unread + 1, id);
  }

  #upTo(lastId) {
    this.#lastId = lastId;
    try {
      this.#options.storage?.setItem(this.#key, JSON.stringify([lastId, this.#since]));
    } catch {}
  }

  #count(unread, upTo) {
    this.#countedTo = upTo;
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#emit("unread", unread);
  }

  #lost(code) {
    this.#drop();
    if (AUTH_CODES.includes(code)) {
      // Only getToken knows of another.
      const first = this.#refused !== this.#token;
      this.#refused = this.#token;
      if (first) {
        this.#open();
        return;
      }
    } else if (++this.#failures === this.#options.blocked) this.#poll();
    if (code === REPLACED) this.#attempt = Infinity;
    this.#retry("waiting");
  }

  #retry(state) {
    this.#become(state);
    const { firstDelay, longestDelay, random } = this.#options;
    const most = Math.min(longestDelay, firstDelay * 2 ** this.#attempt);
    // Full jitter spreads those who were cut off together.
    const delay = this.#attempt === Infinity ? longestDelay : most * random();
    this.#attempt = this.#attempt === Infinity ? 0 : this.#attempt + 1;
    this.#start("retry", delay, () => this.#open());
  }

  #hurry = () => {
    if (this.#state === "waiting") this.#start("retry", 0, () => this.#open());
  };

  async #poll() {
    const getToken = this.#getToken;
    const blocked = () => getToken === this.#getToken && this.#failures >= this.#options.blocked;
    try {
      const count = await this.request("GET", "api/notifications/count");
      const { total, unread } = this.#polled ?? {};
      if (count.total !== total || count.unread !== unread) {
        const { items } = await this.request("GET", `api/notifications?limit=${PAGE}`);
        const newest = items[0]?.id ?? 0;
        const before = this.#lastId ?? newest;
        this.#countedTo = newest;
        for (const item of items.reverse()) {
          if (item.id > before) this.#take(item);
          else this.#emit("update", item);
        }
        // What is gone is in no list.
        if (count.total < total || items[0]?.id > before) this.#reload();
        this.#polled = count;
        this.#upTo(Math.max(before, newest));
        this.#count(count.unread, newest);
      }
      if (blocked()) this.#become("polling", true);
    } catch {
      if (blocked()) this.#become("waiting", true);
    }
    const { poll, random } = this.#options;
    if (blocked()) this.#start("poll", poll * (0.75 + random() / 2), () => this.#poll());
  }

  // A browser does not notice.
  #watch() {
    const { silence, answer } = this.#options;
    this.#start("watch", silence, () => {
      this.#send("ping");
      this.#start("watch", answer, () => this.#lost());
    });
  }

  #start(timer, delay, work) {
    clearTimeout(this.#timers[timer]);
    this.#timers[timer] = setTimeout(work, Math.min(delay, 2 ** 31 - 1));
  }

  #send(type, fields) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify({ type, ...fields }));
    return true;
  }

  #drop(code) {
    for (const timer of ["retry", "watch", "renew", "ask"]) clearTimeout(this.#timers[timer]);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
  }

  #become(state, polled) {
    if (state === this.#state || (this.#state === "polling" && !polled && /ing$/.test(state))) return;
    this.#state = state;
    this.#emit("state", state);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
