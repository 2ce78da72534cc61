// The shop's counter: where the order is, and the buttons. Each button is one request, which is one SQL statement.
import { byId, el } from "./dom.js";

const NAME = {
  pending: "placed", confirmed: "confirmed", preparing: "preparing", ready: "ready", picked_up: "picked up",
  in_transit: "on the way", delivered: "delivered", cancelled: "cancelled", rejected: "rejected", refunded: "refunded",
};

const BUTTON = {
  confirmed: "The kitchen confirms", preparing: "The kitchen starts cooking", ready: "The food is ready",
  picked_up: "The driver picks it up", in_transit: "The driver sets off", delivered: "The driver delivers",
  cancelled: "Cancel", rejected: "Reject", refunded: "Refund",
};

const ASIDE = new Set(["cancelled", "rejected", "refunded"]);

export class Counter {
  #lifecycle = [];
  #way = [];
  #customerId = null;

  constructor(onTrouble) {
    this.onTrouble = onTrouble;
    this.root = document.querySelector(".counter");
  }

  open(lifecycle, customerId) {
    this.#lifecycle = lifecycle;
    this.#customerId = String(customerId);
    this.order = null;
    this.#way = [];
    this.#draw();
  }

  /** A statement was run; orders of others are none of our business. */
  wrote(order) {
    if (String(order.customer_id) !== this.#customerId) return;
    if (!this.order || order.id !== this.order.id) this.#way = [];
    this.#way.push(order.status);
    this.order = order;
    this.#draw();
  }

  #draw() {
    const order = this.order;
    this.root.classList.toggle("empty", !order);
    if (order) {
      byId("order-title").textContent = `Order ${order.number}`;
      byId("order-note").textContent = `$${order.total} · ${NAME[order.status]}`;
    }
    byId("steps").replaceChildren(...this.#steps());
    const hadFocus = byId("buttons").contains(document.activeElement);
    byId("buttons").replaceChildren(...this.#buttons());
    if (hadFocus) byId("buttons").querySelector(".primary").focus();
  }

  #steps() {
    const aside = this.#way.filter((status) => ASIDE.has(status));
    const usual = aside.length ? this.#way.filter((status) => !ASIDE.has(status)) : this.#lifecycle;
    return [...usual, ...aside].map((status) => {
      const now = this.order?.status === status;
      const classes = [this.#way.includes(status) && "done", now && "now", ASIDE.has(status) && "off"];
      return el("li", { class: classes.filter(Boolean).join(" "), "aria-current": now && "step" }, NAME[status]);
    });
  }

  #buttons() {
    const place = (text, kind = "") => this.#button(text, kind, "/orders");
    if (!this.order) return [place("Place an order", "primary")];
    const { id, following } = this.order;
    const [next, ...others] = following;
    const move = (status, kind) => this.#button(BUTTON[status], kind, `/orders/${id}/${status}`);
    if (!next || ASIDE.has(next)) return [...following.map((s) => move(s, "danger")), place("Place another order", "primary")];
    return [...others.map((status) => move(status, "danger")), move(next, "primary")];
  }

  #button(text, kind, path) {
    const press = async () => {
      const buttons = byId("buttons").querySelectorAll("button");
      for (const button of buttons) button.ariaDisabled = "true";
      try {
        const answer = await fetch(path, { method: "POST" });
        if (!answer.ok) this.onTrouble(await answer.text());
      } catch {
        this.onTrouble("the demo does not answer");
      } finally {
        for (const button of buttons) button.ariaDisabled = null;
      }
    };
    const unlessBusy = (click) => click.currentTarget.ariaDisabled !== "true" && press();
    return el("button", { type: "button", class: kind, onclick: unlessBusy }, text);
  }
}
