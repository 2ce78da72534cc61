// One person's screen: pushes as on a lock screen, the live inbox, mails, texts.
import { after, el, icon, initials, prepend } from "./dom.js";

const ROLE = {
  customer: "the customer, at home",
  vendor: "the vendor, in the kitchen",
  driver: "the driver, on the road",
};

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

const upTo99 = (count) => (count > 99 ? "99+" : count);

export class Device {
  #lists = {};
  #colleagues = new Map();

  constructor(person, { hub, openMail, colleagues = [] }) {
    this.person = person;
    this.openMail = openMail;
    this.online = el("span", { class: "online" }, "connecting");
    this.clock = el("span");
    this.element = el("article", { class: `device ${person.role}`, "aria-label": person.name },
      el("header", { class: "who" },
        el("span", { class: "face", "aria-hidden": "true" }, initials(person.name)),
        el("div", {}, el("h2", {}, person.name), el("p", {}, ROLE[person.role])),
        this.#others(colleagues)),
      el("div", { class: "screen" },
        el("div", { class: "status" }, this.clock, this.online),
        this.#app("webpush", "Push", "lock", "No pushes yet"),
        this.#inbox(hub),
        el("div", { class: "pair" },
          this.#app("email", "Mail", "mails", "No mail yet"),
          this.#app("sms", "Texts", "texts", "No texts yet"))));
    this.tick();
  }

  tick() {
    this.clock.textContent = CLOCK.format(new Date());
  }

  /** What a sink received for this person. */
  arrived(arrival) {
    if (arrival.channel === "webpush") this.#pushed(arrival);
    else if (arrival.channel === "email") prepend(this.#lists.email, this.#letter(arrival));
    else if (arrival.channel === "sms") prepend(this.#lists.sms, this.#bubble(arrival));
  }

  /** A colleague, who is not on stage, got a push. */
  ring(userId) {
    const face = this.#colleagues.get(userId);
    if (!face) return;
    const count = face.querySelector(".count");
    const rung = Number(face.dataset.rung ?? 0) + 1;
    face.dataset.rung = rung;
    count.textContent = upTo99(rung);
    face.classList.remove("rings");
    void face.offsetWidth; // so that the animation starts again
    face.classList.add("rings");
  }

  /** What an application puts into its own page: one element. */
  #inbox(hub) {
    const bell = el("order-bell", { page: true, src: hub, locale: "en" });
    bell.words = { title: "In the app", nothing: "The inbox is live: it fills by itself" };
    bell.getToken = () => this.person.token;
    bell.addEventListener("state", ({ detail }) => {
      this.online.classList.toggle("yes", detail === "live");
      this.online.textContent = detail === "live" ? "live" : "connecting";
    });
    // The shop is not there: there is no page to go to.
    bell.addEventListener("open", (event) => event.preventDefault());
    return bell;
  }

  #app(channel, name, kind, nothing) {
    const list = el("ul", { tabindex: "0", "aria-label": name }, el("li", { class: "nothing" }, nothing));
    this.#lists[channel] = list;
    return el("section", { class: `app ${kind} ${channel}` }, el("h3", {}, icon(channel), name), list);
  }

  #others(colleagues) {
    if (!colleagues.length) return null;
    const faces = colleagues.map((person) => {
      const face = el("span", { class: "colleague", title: `${person.name}: pushes received` },
        initials(person.name), el("span", { class: "count" }));
      this.#colleagues.set(person.user_id, face);
      return face;
    });
    return el("div", { class: "colleagues" }, "also free", ...faces);
  }

  /** As a browser does it: what has the same tag takes the older one's place. */
  #pushed(arrival) {
    const push = this.#push(arrival);
    const older = arrival.withdrawn && this.#lists.webpush.querySelector(`[data-order="${CSS.escape(arrival.order)}"]`);
    if (older) older.replaceWith(push);
    else prepend(this.#lists.webpush, push);
  }

  #push({ title, body, ms, order, withdrawn }) {
    const kind = withdrawn ? "push withdrawn" : "push new";
    return el("li", { class: kind, "data-order": order }, el("span", { class: "logo" }, icon("bell")),
      el("b", {}, title), el("span", { class: "ms" }, after(ms)), el("p", {}, body));
  }

  #letter(arrival) {
    const open = () => this.openMail(arrival, this.person);
    return el("li", { class: "new" }, el("button", { class: "letter", onclick: open },
      el("b", {}, arrival.title), el("span", {}, "open", el("span", { class: "ms" }, after(arrival.ms)))));
  }

  #bubble({ body, ms }) {
    return el("li", { class: "bubble new" }, body, el("span", { class: "ms" }, after(ms)));
  }
}
