// A picture with people outlined: each outline is a button. A box can also be drawn by hand.
import { h } from "../shared/dom.js";
import { t } from "../shared/texts.js";

const SMALLEST = 12; // pixels of the picture, for a box drawn by hand

/**
 * The picture and its outlines. `people` have a `box` [left, upper, right, lower] in the picture's pixels; `press(person)`
 * hears of a click, `draw(box)` of a box that was drawn, `chosen(person)` says which outlines are filled.
 */
export function stage({ href, width, height, people, press, draw, chosen = () => false, label }) {
  const picture = h("img", { src: href, alt: label, draggable: "false", on: { load: () => view.classList.add("ready") } });
  const view = h("div", { class: "stage", style: { "aspect-ratio": `${width} / ${height}`, "--shape": width / height } }, picture);
  // Larger boxes first, so that a small person before a large one can be reached.
  const order = [...people].sort((one, other) => size(other.box) - size(one.box));
  for (const person of order) {
    const outline = h("button", { type: "button", class: `outline ${person.kind ?? ""}`, "aria-pressed": String(chosen(person)), "aria-label": t("stage.person", { n: people.indexOf(person) + 1, of: people.length }), on: { click: (event) => { event.stopPropagation(); press?.(person); } } });
    place(outline, person.box, width, height);
    view.append(outline);
  }
  if (draw) letDraw(view, width, height, draw);
  return view;
}

function size([left, upper, right, lower]) {
  return (right - left) * (lower - upper);
}

function place(element, [left, upper, right, lower], width, height) {
  Object.assign(element.style, { left: `${100 * left / width}%`, top: `${100 * upper / height}%`, width: `${100 * (right - left) / width}%`, height: `${100 * (lower - upper) / height}%` });
}

function letDraw(view, width, height, draw) {
  let from = null;
  const rubber = h("div", { class: "rubber", hidden: true });
  view.append(rubber);
  view.classList.add("drawable");
  const at = (event) => {
    const frame = view.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, value));
    return [width * inside((event.clientX - frame.left) / frame.width), height * inside((event.clientY - frame.top) / frame.height)];
  };
  const box = (to) => [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1])];
  const large = (one) => one[2] - one[0] >= SMALLEST && one[3] - one[1] >= SMALLEST;
  view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch" && !event.isPrimary) return;
    from = at(event);
  });
  view.addEventListener("pointermove", (event) => {
    if (!from) return;
    const now = box(at(event));
    if (rubber.hidden && large(now)) {
      rubber.hidden = false;
      view.setPointerCapture(event.pointerId);
    }
    place(rubber, now, width, height);
  });
  const end = (event) => {
    const drawn = from && !rubber.hidden ? box(at(event)) : null;
    from = null;
    rubber.hidden = true;
    if (drawn && large(drawn)) draw(drawn.map(Math.round));
  };
  view.addEventListener("pointerup", end);
  view.addEventListener("pointercancel", () => { from = null; rubber.hidden = true; });
}

/** What makes a picture of a person a poor one, by the box alone: too small, or cut off by the edge. */
export function boxHints([left, upper, right, lower], width, height) {
  const hints = [];
  if (lower - upper < 60) hints.push({ kind: "small", own: true, text: t("hint.small", { n: Math.round(lower - upper) }) });
  if (left < 2 || upper < 2 || right > width - 2 || lower > height - 2) hints.push({ kind: "cut_off", text: t("hint.cut_off") });
  return hints;
}
