// Elements and icons. Text is always text, never markup: what a message says cannot become part of the page.

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

export const byId = (id) => document.getElementById(id);

export const after = (ms) => (ms == null ? "" : `+${ms} ms`);

export const initials = (name) => name.split(/[^\p{L}]+/u).filter(Boolean).slice(0, 2).map((word) => word[0]).join("");

/** Put `item` on top of `list`, which keeps the newest `most`. */
export function prepend(list, item, most = 40) {
  list.querySelector(".nothing")?.remove();
  list.prepend(item);
  while (list.childElementCount > most) list.lastElementChild.remove();
}
