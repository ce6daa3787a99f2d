// Making elements. Styles are set through the style object, because the page's policy forbids style attributes.
const SVG = "http://www.w3.org/2000/svg";

/** An element: `on` holds listeners, `style` CSS properties, everything else attributes (false and null leave one out). */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for a drawing. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "text") element.textContent = value;
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  put(element, children);
  return element;
}

function put(element, children) {
  for (const child of children.flat(Infinity)) if (child || child === 0) element.append(child);
}

/** Takes everything out of an element and puts other children in. */
export function refill(element, ...children) {
  element.replaceChildren();
  put(element, children);
  return element;
}

export function icon(name, size = 18) {
  return s("svg", { width: size, height: size, "aria-hidden": "true" }, s("use", { href: `/icons.svg#${name}` }));
}

/** A button with an icon, a text, or both. Without a text the label is what a screen reader says and the tip shows. */
export function button({ icon: name, text, label, kind = "", press, key, ...more }) {
  const only = name && !text ? "only" : "";
  return h("button", { type: "button", class: `button ${kind} ${only}`, "aria-label": label ?? null, title: only ? label : null, on: { click: press }, ...more },
    name ? icon(name, 18) : null, text ? h("span", { class: "clip" }, text) : null, key ? h("kbd", { "aria-hidden": "true" }, key) : null);
}

/** A part of a picture, cut by the drawing and not by the server: box is [left, upper, right, lower] in pixels. */
export function cutout(href, width, height, box, label, whole = false) {
  const grow = 0.06 * Math.max(box[2] - box[0], box[3] - box[1]);
  const left = Math.max(0, box[0] - grow), top = Math.max(0, box[1] - grow);
  const right = Math.min(width, box[2] + grow), bottom = Math.min(height, box[3] + grow);
  return s("svg", { viewBox: `${left} ${top} ${right - left} ${bottom - top}`, preserveAspectRatio: `xMidYMid ${whole ? "meet" : "slice"}`, role: "img", "aria-label": label },
    s("image", { href, width, height }));
}

/** Puts a menu under its button and shows it; it closes by itself (popover). */
export function openMenu(anchor, ...children) {
  const menu = h("div", { class: "menu", popover: "auto" }, children);
  document.body.append(menu);
  menu.addEventListener("toggle", (event) => {
    anchor.setAttribute("aria-expanded", event.newState === "open");
    if (event.newState === "closed") setTimeout(() => menu.remove(), 0);
  });
  menu.showPopover();
  const from = anchor.getBoundingClientRect(), own = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(12, Math.min(from.right - own.width, innerWidth - own.width - 12))}px`;
  menu.style.top = from.bottom + own.height + 14 < innerHeight ? `${from.bottom + 6}px` : `${Math.max(8, from.top - own.height - 6)}px`;
  menu.querySelector("button, a, input")?.focus();
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const items = [...menu.querySelectorAll(".item")];
    items.at((items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)) % items.length)?.focus();
    event.preventDefault();
  });
  return menu;
}
