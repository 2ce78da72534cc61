// <order-bell>: docs/how-to/bell.md.
import { OrderbellClient } from "./orderbell.js";
import { sheet } from "./style.js";

const FRESH = 60_000; // what is older, and replayed, makes no toast
const SEEN_AFTER = 500;
const TOASTS = 3;
const TOAST_SHOWN = 7000;
const SPOKEN = ["en", "de", "es", "fr", "ka"];
const RIGHT_TO_LEFT = /^(ar|ckb|dv|fa|he|ps|sd|ug|ur|yi)\b/;
const UNITS = { year: 31_536_000, month: 2_592_000, week: 604_800, day: 86_400, hour: 3600, minute: 60 };
const KNOWN = "orderbell announcements";
const ICONS = {
  bell: "M12 3a6 6 0 0 0-6 6v3.6c0 .7-.3 1.4-.8 1.9L4 16v1h16v-1l-1.2-1.5a3 3 0 0 1-.8-1.9V9a6 6 0 0 0-6-6ZM9.5 20a2.6 2.6 0 0 0 5 0",
  readAll: "m2 13 4.5 4.5L16 8m-4 8 1.5 1.5L23 8",
  read: "m5 13 4.5 4.5L19 8",
  unread: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z",
  archive: "M3 4h18v4H3zM5 8v12h14V8m-9 4h4",
  unarchive: "M3 4h18v4H3zM5 8v12h14V8m-7 9v-5m-2.5 2 2.5-2.5 2.5 2.5",
  delete: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  close: "m6 6 12 12M18 6 6 18",
  back: "m14 6-6 6 6 6",
  settings: "M3 7h9m5 0h4M3 17h4m5 0h9M12 7a2 2 0 0 1 5 0 2 2 0 0 1-5 0M7 17a2 2 0 0 1 5 0 2 2 0 0 1-5 0",
};

/** Never from markup. */
export const el = (name, properties, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children.filter(Boolean));
  return node;
};

export const button = (textContent, onclick, properties) =>
  el("button", { type: "button", className: "link", textContent, onclick, ...properties });

const icon = (name) => {
  const [svg, path] = ["svg", "path"].map((one) => document.createElementNS("http://www.w3.org/2000/svg", one));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.ariaHidden = "true";
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
};

export const pictured = (name, title, onclick) => {
  const made = button("", onclick, { className: `icon ${name}`, title, ariaLabel: title });
  made.append(icon(name));
  return made;
};

/** Never javascript: or data:. */
const safe = (url) => {
  const target = url && URL.parse(url, document.baseURI);
  return /^https?:/.test(target?.href) ? target.href : null;
};

async function speak(locale, own) {
  const [language] = locale.split("-");
  const spoken = SPOKEN.includes(language) ? language : "en";
  const { words } = await import(`./words.${spoken}.js`);
  const plural = new Intl.PluralRules(locale);
  const distance = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  return {
    t(key, n) {
      const found = own?.[key] ?? words[key] ?? key;
      return (found[plural.select(n)] ?? found.other ?? found).replace("{n}", n?.toLocaleString(locale));
    },
    ago(date) {
      const seconds = (new Date(date) - Date.now()) / 1000;
      const [unit, length] = Object.entries(UNITS).find(([, one]) => -seconds >= one) ?? ["second", Infinity];
      return distance.format(Math.ceil(seconds / length) || 0, unit);
    },
    words,
    date: (date, options) => new Date(date).toLocaleString(locale, options),
    locale,
    spoken,
    right: RIGHT_TO_LEFT.test(locale),
  };
}

class Inbox {
  stale = true;
  #items = new Map(); // id -> {item, node}
  #turn = 0;
  #later; // what happens while a page is on its way
  #next;
  #query = {};
  #inSight = new Set();
  #list = el("ul", { role: "list" });
  #note = el("div", { className: "note" });
  #end = el("div", { className: "end", role: "status" });
  #watcher = new IntersectionObserver((entries) => this.#watched(entries));

  constructor(client, words, follow) {
    Object.assign(this, { client, words, follow });
    const { t } = words;
    const choose = (query) => {
      Object.assign(this.#query, query);
      this.load();
    };
    const filter = (name, query) => {
      const press = () => {
        for (const one of filters) one.ariaPressed = one === made;
        choose({ unread: null, archived: null, ...query });
      };
      const made = button(t(name), press, { className: "chip", ariaPressed: !query });
      return made;
    };
    const filters = [filter("all"), filter("unread", { unread: true }), filter("archived", { archived: true })];
    this.kinds = el(
      "select",
      { ariaLabel: t("every"), hidden: true, onchange: () => choose({ category: this.kinds.value }) },
      new Option(t("every"), ""),
    );
    this.element = el(
      "div",
      { className: "inbox" },
      el("div", { part: "filters", className: "filters" }, ...filters, this.kinds),
      this.#list,
      this.#note,
      this.#end,
    );
    this.#list.addEventListener("focusin", ({ target }) => this.#activate(target.closest("li")));
    this.#watcher.observe(this.#end);
  }

  async load(before) {
    const turn = ++this.#turn;
    this.stale = false;
    this.#later = [];
    this.#end.textContent = this.words.t("more");
    const query = Object.entries({ limit: 20, before, ...this.#query }).filter(([, value]) => value);
    try {
      const page = await this.client.request("GET", `api/notifications?${new URLSearchParams(query)}`);
      if (turn !== this.#turn) return;
      if (!before) {
        this.#items.clear();
        this.#list.replaceChildren();
        this.client.reloaded();
      }
      this.#next = page.next;
      for (const item of page.items) this.#add(item);
      const later = this.#later;
      this.#later = null;
      for (const work of later) work();
      this.#say();
    } catch {
      if (turn !== this.#turn) return;
      this.#later = this.#next = null;
      this.stale = true;
      this.#say(
        "failed",
        button(this.words.t("again"), () => this.load(before)),
      );
    }
    this.#end.textContent = "";
    // It tells of changes only.
    this.#watcher.unobserve(this.#end);
    this.#watcher.observe(this.#end);
  }

  came(item) {
    this.#soon(() => {
      const { archived, category } = this.#query;
      if (this.stale || archived || (category || item.category) !== item.category) return;
      this.#add(item);
      this.#say();
    });
  }

  changed({ id, up_to: upTo, ...fields }) {
    this.#soon(() => {
      if (upTo && fields.archived_at) this.load();
      for (const [known, { item, node }] of this.#items) {
        if (known !== id && !(known <= upTo)) continue;
        for (const name of ["read_at", "seen_at", "archived_at"]) {
          if (name in fields) item[name] = (upTo && item[name]) || fields[name];
        }
        if (!item.archived_at === !this.#query.archived) this.#paint(item, node);
        else this.gone({ id: known });
      }
    });
  }

  gone({ id }) {
    this.#soon(() => {
      const { node } = this.#items.get(id) ?? {};
      if (!node) return;
      const next = node.nextSibling ?? node.previousSibling;
      if (node.matches(":focus-within")) (next?.firstChild ?? this.element.parentNode).focus();
      node.remove();
      this.#items.delete(id);
      if (next) this.#activate(this.#list.querySelector(":focus-within") ?? next);
      this.#say();
    });
  }

  tick() {
    for (const time of this.#list.querySelectorAll("time")) time.textContent = this.words.ago(time.dateTime);
  }

  #soon(work) {
    if (this.#later) this.#later.push(work);
    else work();
  }

  #say(key = !this.#items.size && (this.#query.unread ? "caughtUp" : "nothing"), ...more) {
    this.#note.replaceChildren(...(key ? [icon("bell"), this.words.t(key), ...more] : []));
  }

  #add(item) {
    if (this.#items.has(item.id)) return;
    const { t, ago, date } = this.words;
    const { id, title, body, url, action, category, created_at: dateTime } = item;
    const href = safe(url);
    const act = (name, mark = () => name) => pictured(name, t(`to.${name}`), () => this.#mark(mark(), item));
    const node = el(
      "li",
      { item },
      el(
        href ? "a" : "button",
        {
          className: "main",
          part: "item",
          ariaKeyShortcuts: "e u Delete",
          ...(href && { href }),
          onclick: (event) => this.read(item, this.follow(event, item)),
        },
        el("span", { className: "sr", textContent: `${t("unread")}. ` }),
        el("b", { textContent: title }),
        el("time", {
          dateTime,
          title: date(dateTime, { dateStyle: "medium", timeStyle: "short" }),
          textContent: ago(dateTime),
        }),
        el("p", { textContent: body }),
        href && action && el("span", { className: "link", textContent: action }),
      ),
      el(
        "div",
        { className: "acts" },
        act("read", () => (item.read_at ? "unread" : "read")),
        act(item.archived_at ? "unarchive" : "archive"),
        act("delete"),
      ),
    );
    this.#items.set(id, { item, node });
    this.#paint(item, node);
    this.#list.insertBefore(node, [...this.#list.children].find((other) => other.item.id < id) ?? null);
    this.#activate(this.#list.querySelector(":focus-within") ?? this.#list.firstChild);
    if (!item.seen_at) this.#watcher.observe(node);
    if ([...this.kinds.options].every(({ value }) => value !== category))
      this.kinds.add(new Option(t(category), category));
    this.kinds.hidden = this.kinds.length < 3;
  }

  #paint(item, node) {
    const mark = item.read_at ? "unread" : "read";
    node.className = `${item.read_at ? "" : "unread"} ${item.priority}`;
    const toggle = node.querySelector(".read");
    toggle.title = toggle.ariaLabel = this.words.t(`to.${mark}`);
    toggle.replaceChildren(icon(mark));
  }

  read(item, leaves) {
    if (item.read_at) return;
    // The page may be gone before a frame is out.
    if (leaves) this.client.request("POST", `api/notifications/${item.id}/read`, null, true).catch(() => null);
    else this.#mark("read", item);
  }

  #mark(mark, { id, read_at: read }) {
    const now = new Date().toISOString();
    const change = {
      read: { read_at: now },
      unread: { read_at: null },
      archive: { read_at: read ?? now, archived_at: now },
      unarchive: { archived_at: null },
    }[mark];
    if (change) this.changed({ id, ...change });
    else this.gone({ id });
    this.client.mark(mark, [id]).catch(() => this.load());
  }

  /** One item is a stop for Tab, and after it its buttons. */
  #activate(active) {
    for (const node of this.#list.children) {
      for (const one of node.querySelectorAll("a, button")) one.tabIndex = node === active ? 0 : -1;
    }
  }

  press(event) {
    const { key, target } = event;
    if (this.element.hidden || target === this.kinds || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = [...this.#list.children];
    const at = all.indexOf(target.closest("li"));
    const item = all[at]?.item;
    const to = { ArrowDown: at + 1, ArrowUp: Math.max(at - 1, 0), Home: 0, End: all.length - 1 }[key];
    const mark =
      item &&
      { e: item.archived_at ? "unarchive" : "archive", Delete: "delete", u: item.read_at ? "unread" : "read" }[key];
    if (mark) this.#mark(mark, item);
    else if (to === undefined) return;
    else all[to]?.firstChild.focus();
    event.preventDefault();
  }

  #watched(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      if (target.item) {
        this.#watcher.unobserve(target);
        if (!this.#inSight.size) setTimeout(() => this.#seen(), SEEN_AFTER);
        this.#inSight.add(target.item.id);
      } else if (this.#next && !this.#later) this.load(this.#next);
    }
  }

  #seen() {
    this.client.mark("seen", [...this.#inSight]).catch(() => null);
    this.#inSight.clear();
  }
}

class Toasts {
  #polite = el("div", { className: "sr", ariaLive: "polite" });
  #assertive = el("div", { className: "sr", ariaLive: "assertive" });
  #list = el("div", { className: "toasts", popover: "manual" });
  elements = [this.#polite, this.#assertive, this.#list];

  clear() {
    this.#list.replaceChildren();
    this.#list.hidePopover();
  }

  show({ t }, { title, body, href, urgent, stays, onclick }) {
    (urgent ? this.#assertive : this.#polite).replaceChildren(el("p", { textContent: `${title}. ${body}` }));
    let timer;
    const hold = () => clearTimeout(timer);
    const close = () => {
      hold();
      toast.remove();
      if (!this.#list.firstChild) this.#list.hidePopover();
    };
    const wait = () => {
      hold();
      if (!stays) timer = setTimeout(close, TOAST_SHOWN);
    };
    const toast = el(
      "div",
      {
        part: "toast",
        className: urgent ? "toast urgent" : "toast",
        onpointerenter: hold,
        onpointerleave: wait,
        onkeydown: ({ key }) => key === "Escape" && close(),
      },
      icon("bell"),
      el(
        href ? "a" : "button",
        {
          className: "main",
          ...(href && { href }),
          onfocus: hold,
          onblur: wait,
          onclick: (event) => {
            onclick?.(event);
            close();
          },
        },
        el("b", { textContent: title }),
        el("p", { textContent: body }),
      ),
      pictured("close", t("close"), close),
    );
    this.#list.append(toast);
    this.#list.showPopover();
    if (this.#list.childElementCount > TOASTS) this.#list.firstChild.remove();
    wait();
  }
}

export class OrderBell extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["src", "token-url", "locale", "page", "order", "dir"];
  #getToken;
  #own;
  #client;
  #words;
  #inbox;
  #toasts;
  #button;
  #badge;
  #panel;
  #banners;
  #starting = 0;
  #clock;
  #room;

  set getToken(getToken) {
    this.#getToken = getToken;
    this.#start();
  }

  set words(words) {
    this.#own = words;
    this.#start();
  }

  get client() {
    return this.#client;
  }

  get unread() {
    return this.#client?.unread ?? 0;
  }

  connectedCallback() {
    for (const [name, value] of Object.entries(this)) {
      delete this[name]; // set before this module was there
      this[name] = value;
    }
    this.#start();
  }

  disconnectedCallback() {
    this.#start();
  }

  attributeChangedCallback(name, before, now) {
    if (name === "order") this.#follow();
    else if (before !== now) this.#start();
  }

  open() {
    if (!this.#shown) this.#panel?.showPopover();
  }

  close() {
    if (!this.hasAttribute("page")) this.#panel?.hidePopover();
  }

  get #shown() {
    return this.hasAttribute("page") || this.#panel?.matches(":popover-open");
  }

  get #base() {
    const src = this.getAttribute("src");
    return new URL(src ? src.replace(/\/*$/, "/") : "..", src ? document.baseURI : import.meta.url);
  }

  #token = async () => {
    if (this.#getToken) return this.#getToken();
    const answer = await fetch(this.getAttribute("token-url"));
    if (answer.status === 401 || answer.status === 403) return null; // nobody is signed in
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    return text[0] === "{" ? JSON.parse(text).token : text.trim();
  };

  async #start() {
    const turn = ++this.#starting;
    await null;
    if (turn !== this.#starting) return;
    this.#client?.close();
    clearInterval(this.#clock);
    this.#client = this.#room = null;
    if (!this.isConnected) return;
    const locale = this.getAttribute("locale") || this.closest("[lang]")?.lang || navigator.language;
    const words = await speak(locale.replace("_", "-"), this.#own);
    if (turn !== this.#starting) return;
    const client = new OrderbellClient({ storage: globalThis.sessionStorage });
    this.#client = client;
    this.#words = words;
    this.#draw();
    let wasLive;
    const on = (type, work) =>
      client.addEventListener(type, ({ detail }) => {
        if (client !== this.#client) return;
        work?.(detail);
        this.dispatchEvent(new CustomEvent(type, { detail }));
      });
    on("notification", (item) => this.#came(item));
    on("update", (change) => this.#inbox.changed(change));
    on("withdrawn", (one) => this.#inbox.gone(one));
    on("reload", () => this.#reload());
    on("unread", () => this.#count());
    on("announcement", (one) => this.#announce(one));
    on("status", (status) => this.#status(status));
    on("location");
    on("state", (state) => {
      this.shadowRoot.getElementById("state").textContent = words.t(state);
      this.#panel.parentNode.classList.toggle("live", state === "live");
      // What was done before the first welcome may not be in the list.
      if (state === "live" ? !wasLive : /waiting|polling/.test(state) && this.#inbox.stale) this.#reload();
      if (state === "live" && !wasLive && globalThis.Notification?.permission === "granted")
        import("./push.js").then(({ resumePush }) => resumePush(this.#push ?? {}));
      wasLive ||= state === "live";
    });
    if (!this.#getToken && !this.hasAttribute("token-url")) return;
    client.connect(new URL("ws", this.#base), this.#token);
    this.#follow();
  }

  #draw() {
    const { t, locale, right } = this.#words;
    const page = this.hasAttribute("page");
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.#toasts = new Toasts();
    this.#badge = el("span", { part: "badge", className: "badge", ariaHidden: "true" });
    this.#button = el(
      "button",
      { part: "button", className: "bell", ariaHasPopup: "dialog", ariaExpanded: "false" },
      icon("bell"),
      this.#badge,
    );
    this.#banners = el("div", { className: "banners" });
    this.#inbox = new Inbox(this.#client, this.#words, (event, item) => this.#open(event, item));
    const title = el("h2", { id: "title", textContent: t("title") });
    let settings;
    const turn = async (away) => {
      if (away) {
        const { Settings } = await import("./settings.js");
        settings?.element.remove();
        settings = new Settings(this.#client, this.#words, this.#push, this.hasAttribute("sound"));
        this.#panel.append(settings.element);
      }
      settings.element.hidden = back.hidden = !away;
      this.#inbox.element.hidden = all.hidden = gear.hidden = away;
      title.textContent = t(away ? "settings" : "title");
      (away ? back : gear).focus();
    };
    const back = pictured("back", t("back"), () => turn(false));
    back.hidden = true;
    const all = pictured("readAll", t("readAll"), () => this.#client.markAll("read").catch(() => this.#reload()));
    const gear = pictured("settings", t("settings"), () => turn(true));
    this.#panel = el(
      "section",
      {
        part: "panel",
        className: "panel",
        tabIndex: -1,
        role: page ? "region" : "dialog",
        popover: page ? null : "auto",
        autofocus: !page,
        onkeydown: (event) => this.#inbox.press(event),
      },
      el(
        "header",
        { part: "header" },
        back,
        title,
        page && this.#badge,
        el("span", { id: "state", role: "status" }),
        all,
        gear,
        !page && pictured("close", t("close"), () => this.close()),
      ),
      this.#banners,
      this.#inbox.element,
    );
    this.#panel.setAttribute("aria-labelledby", "title");
    const dir = this.dir || (right ? "rtl" : "ltr");
    root.replaceChildren(
      el("div", { className: "root", lang: locale, dir }, !page && this.#button, this.#panel, ...this.#toasts.elements),
    );
    this.#count();
    this.#clock = setInterval(() => this.#inbox.tick(), 30_000);
    if (page) return;
    this.#button.popoverTargetElement = this.#panel;
    this.#panel.onbeforetoggle = ({ newState }) => {
      if (newState !== "open" && this.#panel.contains(root.activeElement)) this.#button.focus();
    };
    this.#panel.ontoggle = ({ newState }) => {
      const opens = newState === "open";
      this.#button.ariaExpanded = opens;
      for (const type of ["resize", "scroll"])
        globalThis[opens ? "addEventListener" : "removeEventListener"](type, this.#place);
      if (!opens) return;
      this.#toasts.clear();
      this.#place();
      if (this.#inbox.stale) this.#reload();
    };
  }

  #place = () => {
    const { left, right, top, bottom } = this.#button.getBoundingClientRect();
    const { innerWidth: width, innerHeight: height } = globalThis;
    const [block, inline] = (this.getAttribute("placement") ?? "bottom-end").split("-");
    const below = height - bottom;
    const above = top > below && (block === "top" || below < 400);
    const ends = (inline !== "start") === (getComputedStyle(this.#panel).direction === "ltr");
    const box = this.#panel.offsetWidth;
    const x = Math.max(8, Math.min(ends ? right - box : left, width - box - 8));
    Object.assign(this.#panel.style, {
      left: `${x}px`,
      top: above ? "auto" : `${bottom + 8}px`,
      bottom: above ? `${height - top + 8}px` : "auto",
      maxHeight: `${(above ? top : below) - 16}px`,
    });
  };

  #reload() {
    this.#inbox.stale = true;
    if (this.#shown) this.#inbox.load();
    else this.#client.reloaded();
  }

  #count() {
    const { unread } = this;
    this.#badge.textContent = unread > 99 ? "99+" : unread || "";
    this.#button.ariaLabel = unread ? this.#words.t("count", unread) : this.#words.t("title");
  }

  #came(item) {
    this.#inbox.came(item);
    if (item.read_at || Date.now() - Date.parse(item.created_at) > FRESH) return;
    if (this.hasAttribute("sound")) import("./sound.js").then(({ ring }) => ring(item.id, this.getAttribute("sound")));
    this.#toast({
      ...item,
      urgent: item.priority === "urgent",
      onclick: (event) => {
        if (!safe(item.url)) this.open();
        this.#inbox.read(item, this.#open(event, item));
      },
    });
  }

  #toast(item) {
    if (this.getAttribute("toasts") === "off" || document.hidden || this.#shown) return;
    this.#toasts.show(this.#words, { ...item, href: safe(item.url) });
  }

  /** Whether the page is left. */
  #open(event, item) {
    const goes = this.dispatchEvent(new CustomEvent("open", { detail: item, cancelable: true }));
    if (!goes) event.preventDefault();
    if (!goes || safe(item.url)) this.close();
    return goes && safe(item.url) && !event.ctrlKey && !event.metaKey;
  }

  #announce({ announcement, id = announcement.id, ended }) {
    this.#banners.querySelector(`[data-id="${id}"]`)?.remove();
    const known = JSON.parse(localStorage.getItem(KNOWN) ?? "{}");
    if (ended || known[id] === 2) return;
    const keep = (step) => localStorage.setItem(KNOWN, JSON.stringify({ ...known, [id]: step }));
    const { level, title, body, url, action, ends_at: ends } = announcement;
    const href = safe(url);
    const banner = el(
      "div",
      { part: "banner", className: `banner ${level}` },
      el(
        "div",
        {},
        el("b", { textContent: title }),
        el("p", { textContent: body }),
        href && el("a", { className: "link", href, textContent: action ?? href }),
      ),
      pictured("close", this.#words.t("close"), () => {
        banner.remove();
        keep(2);
      }),
    );
    banner.dataset.id = id;
    this.#banners.append(banner);
    const left = Date.parse(ends) - Date.now();
    if (left < 2 ** 31) setTimeout(() => banner.remove(), left);
    if (known[id]) return;
    keep(1);
    this.#toast({ ...announcement, urgent: level === "critical", stays: level !== "info" });
  }

  #follow() {
    const order = this.getAttribute("order");
    const room = order && `order:${order}`;
    if (!this.#client || room === this.#room) return;
    if (this.#room) this.#client.unsubscribe(this.#room);
    this.#room = room;
    this.#banners.querySelector(".order")?.remove();
    if (room) this.#client.subscribe(room);
  }

  #status({ room, event, status, at }) {
    if (room !== this.#room) return;
    const { t, ago } = this.#words;
    this.#banners.querySelector(".order")?.remove();
    this.#banners.prepend(
      el(
        "div",
        { part: "order", className: "banner order", role: "status" },
        el("b", { textContent: t(event) === event ? status : t(event) }),
        el("time", { textContent: ago(at) }),
      ),
    );
  }

  get #push() {
    const own = this.getAttribute("worker");
    const worker = new URL(own ?? new URL("web/orderbell-sw.js", this.#base), document.baseURI);
    if (worker.origin !== location.origin) return null;
    return {
      api: this.#base,
      worker,
      getToken: this.#token,
      tokenUrl: this.getAttribute("token-url"),
      scope: own ? null : "/",
    };
  }
}

globalThis.customElements?.get("order-bell") ?? globalThis.customElements?.define("order-bell", OrderBell);
