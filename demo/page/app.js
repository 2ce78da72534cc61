// The demo's page. What happened comes from the demo as server-sent events; each inbox is an <order-bell> of Orderbell's.
import { Counter } from "./counter.js";
import { Device } from "./device.js";
import { byId, el, icon } from "./dom.js";
import { Strip } from "./strip.js";

const LEGEND = { webpush: "Web Push", websocket: "live in the app", email: "e-mail", sms: "SMS" };

const strip = new Strip();
const counter = new Counter((text) => foot(text));
let devices = new Map();
let people = new Map();

function foot(trouble) {
  const legend = Object.entries(LEGEND).map(([channel, name]) => el("span", { class: channel }, icon(channel), name));
  const hint = el("span", {}, "Enter presses the button again · click a mail to read it");
  byId("foot").replaceChildren(...(trouble ? [el("span", { class: "trouble" }, trouble)] : [...legend, hint]));
}

function openMail(arrival, person) {
  byId("mail-subject").textContent = arrival.title;
  byId("mail-to").textContent = `to ${person.name}, as the mail server received it`;
  byId("mail-body").src = `/mails/${arrival.mail}`;
  byId("mail").showModal();
}

function open(stage) {
  people = new Map(stage.people.map((person) => [person.user_id, person]));
  const [customer, vendor, driver, ...colleagues] = stage.people;
  devices = new Map();
  for (const person of [customer, vendor, driver]) {
    const device = new Device(person, { hub: stage.hub, openMail, colleagues: person === driver ? colleagues : [] });
    devices.set(person.user_id, device);
  }
  byId("devices").replaceChildren(...[...devices.values()].map((device) => device.element));
  counter.open(stage.lifecycle, customer.user_id);
  stage.history.forEach(happened);
  foot();
}

function arrived(arrival) {
  const person = people.get(arrival.user_id);
  strip.arrived(arrival, person);
  const device = devices.get(arrival.user_id);
  if (device) device.arrived(arrival);
  else if (arrival.channel === "webpush" && !arrival.withdrawn) for (const other of devices.values()) other.ring(arrival.user_id);
}

function totals({ orders, received, median_ms }) {
  const messages = Object.values(received).reduce((sum, count) => sum + count, 0);
  byId("total-orders").textContent = orders.toLocaleString();
  byId("total-messages").textContent = messages.toLocaleString();
  byId("total-median").textContent = median_ms == null ? "–" : `${median_ms} ms`;
}

function happened(event) {
  if (event.kind === "stage") open(event);
  else if (event.kind === "arrival") arrived(event);
  else if (event.kind === "totals") totals(event);
  else {
    counter.wrote(event.order);
    strip.wrote(event);
  }
}

const feed = new EventSource("/feed");
feed.addEventListener("message", (message) => happened(JSON.parse(message.data)));
feed.addEventListener("error", () => foot("The demo has ended, or cannot be reached. This page comes back by itself."));
setInterval(() => devices.forEach((device) => device.tick()), 10_000);
