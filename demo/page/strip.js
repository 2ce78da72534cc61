// The strip beneath the buttons: the SQL that was run, and each message that came of it with its delay.
import { after, byId, el, icon } from "./dom.js";

const TOKEN = /('[^']*')|\b([A-Z]{3,})\b|\b(\d+(?:\.\d+)?)\b/g;

export class Strip {
  #order = null;

  wrote({ order, statement }) {
    this.#order = String(order.id);
    byId("statement").replaceChildren(...coloured(`${statement};`));
    byId("arrivals").replaceChildren();
  }

  arrived(arrival, person) {
    if (arrival.order !== this.#order || arrival.ms == null) return;
    byId("arrivals").append(el("li", { class: arrival.channel, title: arrival.title || arrival.body },
      icon(arrival.channel), person.name.split(" ")[0], el("b", {}, after(arrival.ms))));
  }
}

function coloured(statement) {
  const parts = [];
  let end = 0;
  for (const match of statement.matchAll(TOKEN)) {
    parts.push(statement.slice(end, match.index));
    const kind = match[1] ? "text" : match[2] ? "word" : "number";
    parts.push(el("span", { class: kind }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, statement.slice(end)];
}
