// The map: where the cameras are, how many sightings each one has, and the way of the person between them.
import { address } from "../shared/api.js";
import { h, icon, s } from "../shared/dom.js";
import { cameraName, state } from "../shared/state.js";
import { number, t } from "../shared/texts.js";
import { moment, onOneLine, whole } from "../shared/times.js";

const ROOM = 110; // around the outermost cameras, so that their pictures have place

export function places(sightings, open) {
  const placed = state.gallery.cameras.filter((one) => one.place);
  if (!placed.length) return h("div", { class: "empty panel" }, h("span", { class: "glyph" }, icon("map", 24)), h("h3", {}, t("map.none")), h("p", {}, t("map.none_how")), h("code", {}, "place: [48.137, 11.575]"));
  const at = project(placed, innerWidth < 760 ? 560 : 1000);
  const best = new Map();
  for (const one of sightings) if (!best.has(one.camera)) best.set(one.camera, one);
  const counts = (camera) => sightings.filter((one) => one.camera === camera).length;
  const known = onOneLine(sightings.filter((one) => state.marks.get(one.sighting) === "confirmed" && at.has(one.camera))).sort((one, other) => moment(one.time) - moment(other.time));
  const missing = state.gallery.cameras.length - placed.length;
  return h("section", { class: "panel map" }, h("div", { class: "map-hold" }, drawing(at, known),
    placed.map((camera) => pin(camera, at, best.get(camera.id), counts(camera.id), known, open))),
    h("p", { class: "map-foot small soft" }, known.length > 1 ? t("map.way", { n: known.length }) : t("map.how"), missing ? ` ${t("map.missing", { n: missing })}` : ""));
}

/** Where each camera stands on the drawing. Latitudes and longitudes are drawn with north up, plans as they are. */
function project(placed, wide) {
  const earth = state.gallery.places !== "plan" && placed.every(({ place: [one, other] }) => Math.abs(one) <= 90 && Math.abs(other) <= 180) && !placed.every(({ place }) => place.every(Number.isInteger));
  const middle = placed.reduce((sum, { place }) => sum + place[0], 0) / placed.length;
  const points = placed.map(({ id, place: [one, other] }) => (earth ? { id, x: other * Math.cos((middle * Math.PI) / 180), y: -one } : { id, x: one, y: other }));
  const [left, right] = ends(points.map((one) => one.x)), [top, bottom] = ends(points.map((one) => one.y));
  const scale = Math.min((wide - 2 * ROOM) / (right - left || 1), (560 - 2 * ROOM) / (bottom - top || 1));
  const high = Math.max(320, (bottom - top) * scale + 2 * ROOM);
  const result = new Map(points.map((one) => [one.id, { x: wide / 2 + (one.x - (left + right) / 2) * scale, y: high / 2 + 26 + (one.y - (top + bottom) / 2) * scale }]));
  result.high = high + 26;
  result.wide = wide;
  return result;
}

function ends(values) {
  return [Math.min(...values), Math.max(...values)];
}

function drawing(at, known) {
  const steps = known.map((one) => one.camera).filter((camera, index, all) => camera !== all[index - 1]);
  const lines = steps.slice(1).map((camera, index) => {
    const from = at.get(steps[index]), to = at.get(camera), bend = 0.16;
    const x = (from.x + to.x) / 2 - (to.y - from.y) * bend, y = (from.y + to.y) / 2 + (to.x - from.x) * bend;
    return s("path", { class: "map-way", d: `M${from.x} ${from.y}Q${x} ${y} ${to.x} ${to.y}`, "marker-end": "url(#arrow)" });
  });
  return s("svg", { viewBox: `0 0 ${at.wide} ${at.high}`, class: "map-drawing", "aria-hidden": "true" },
    s("defs", {}, s("pattern", { id: "squares", width: 40, height: 40, patternUnits: "userSpaceOnUse" }, s("path", { d: "M40 0H0V40", class: "map-grid" })),
      s("marker", { id: "arrow", viewBox: "0 0 10 10", refX: 17, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto" }, s("path", { d: "M0 1l8 4-8 4z", class: "map-arrow" }))),
    s("rect", { width: at.wide, height: at.high, fill: "url(#squares)" }), lines);
}

function pin(camera, at, best, count, known, open) {
  const place = at.get(camera.id), style = { left: `${(100 * place.x) / at.wide}%`, top: `${(100 * place.y) / at.high}%` };
  const turns = known.map((one, index) => (one.camera === camera.id ? index + 1 : null)).filter(Boolean);
  const kind = turns.length ? "confirmed" : best?.level ?? "";
  const name = h("span", { class: "pin-name", "aria-hidden": best ? "true" : null }, h("b", {}, cameraName(camera.id)), h("span", { class: "tiny faint" }, turns.length ? t("map.turns", { list: turns.join(", ") }) : t("timeline.here", { n: count })));
  if (!best) return h("div", { class: "pin nobody", style }, h("span", { class: "pin-dot" }), name);
  return h("button", { type: "button", class: `pin ${kind}`, style, title: whole(best.time, best.camera), "aria-label": t("map.pin", { camera: cameraName(camera.id), n: count }), on: { click: () => open(best) } },
    h("span", { class: "pin-shot" }, h("img", { src: address.person((known.find((one) => one.camera === camera.id) ?? best).sighting), alt: "" }), h("span", { class: "pin-count figures", "aria-hidden": "true" }, number(count))), h("span", { class: "pin-dot" }), name);
}
