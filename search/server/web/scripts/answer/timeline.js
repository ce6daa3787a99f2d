// A lane for each camera: pictures where there is room, ticks for the rest; zoom with the wheel, the buttons or + and -.
import { address } from "../shared/api.js";
import { button, h, refill, s } from "../shared/dom.js";
import { cameraName, on, state } from "../shared/state.js";
import { similarity, t } from "../shared/texts.js";
import { clock, day, forField, forServer, hasDates, moment, onOneLine, whole, zoneName } from "../shared/times.js";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000].map((one) => one * 1000);
const SHOT = 38; // width of a picture in a lane, with its distance to the next
const INSET = 22; // pixels at both ends of a lane, so that a picture there is whole
const LEAST = 4000; // milliseconds that are shown at least

/** `limit(after, before)`, where given, narrows the search to the span that is shown. */
export function timeline(sightings, { open, limit, lanes }) {
  const dated = onOneLine(sightings).map((one) => ({ ...one, at: moment(one.time) }));
  if (!dated.length) return { element: h("div", { class: "empty" }, h("h3", {}, t("timeline.none")), h("p", {}, t("timeline.none_how"))), leave: () => {} };
  const lane = new Lanes(dated, { open, limit, undated: sightings.length - dated.length, cameras: lanes ?? state.gallery.cameras.map((one) => one.id).filter((id) => dated.some((one) => one.camera === id)) });
  return { element: lane.element, leave: lane.leave };
}

class Lanes {
  constructor(sightings, { open, limit, undated, cameras }) {
    Object.assign(this, { sightings, open, cameras });
    const times = sightings.map((one) => one.at);
    const first = Math.min(...times), last = Math.max(...times), room = Math.max(3000, (last - first) * 0.04);
    this.all = [first - room, last + room];
    this.span = [...this.all];
    this.words = h("p", { class: "small soft figures grow clip" });
    this.area = h("div", { class: "lanes", tabindex: 0, role: "group", "aria-label": t("timeline.label") });
    this.element = h("section", { class: "timeline panel" }, h("div", { class: "timeline-head row wrap" }, this.words,
      limit ? button({ text: t("timeline.limit"), kind: "little tinted", press: () => limit(forServer(this.span[0]), forServer(this.span[1])) }) : null,
      h("div", { class: "row" }, button({ icon: "minus", kind: "little", label: t("timeline.out"), press: () => this.closer(2) }), button({ icon: "plus", kind: "little", label: t("timeline.in"), press: () => this.closer(0.5) }), button({ text: t("timeline.all"), kind: "little", press: () => this.show(this.all) }))), this.area, h("p", { class: "timeline-foot tiny faint" }, t("timeline.how"), undated ? ` ${t("timeline.undated", { n: undated })}` : ""));
    this.listen();
    const resize = new ResizeObserver(() => this.draw());
    resize.observe(this.area);
    const off = on("marks", () => this.draw());
    this.leave = () => { resize.disconnect(); off(); };
  }

  listen() {
    const lanesWidth = () => this.area.clientWidth - this.margin();
    this.area.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX) && !event.altKey) return;
      event.preventDefault();
      if (event.ctrlKey) this.zoom(Math.exp(event.deltaY * 0.004), this.shareAt(event));
      else this.move(((event.deltaX || event.deltaY) / lanesWidth()) * (this.span[1] - this.span[0]));
    }, { passive: false });
    this.area.addEventListener("keydown", (event) => {
      const wide = this.span[1] - this.span[0];
      const act = { "+": () => this.closer(0.5), "-": () => this.closer(2), 0: () => this.show(this.all), ArrowLeft: () => this.move(-wide / 5), ArrowRight: () => this.move(wide / 5) }[event.key];
      if (!act || (event.target !== this.area && event.key.startsWith("Arrow"))) return;
      act();
      event.preventDefault();
      event.stopPropagation();
    });
    this.area.addEventListener("dblclick", (event) => this.zoom(0.25, this.shareAt(event)));
    let from = null;
    this.area.addEventListener("pointerdown", (event) => { if (event.button === 0 && !event.target.closest("button")) from = { x: event.clientX, span: [...this.span] }; });
    this.area.addEventListener("pointermove", (event) => {
      if (!from) return;
      const by = ((from.x - event.clientX) / lanesWidth()) * (from.span[1] - from.span[0]);
      this.show([from.span[0] + by, from.span[1] + by]);
    });
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) this.area.addEventListener(name, () => { from = null; });
  }

  margin() {
    return this.area.clientWidth < 620 ? 0 : 150;
  }

  shareAt(event) {
    const frame = this.area.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - frame.left - this.margin()) / (frame.width - this.margin())));
  }

  /** Comes closer to the sighting nearest to the middle, so that there is something to see, or goes away from it. */
  closer(by) {
    const middle = (this.span[0] + this.span[1]) / 2;
    const at = this.sightings.reduce((best, one) => (Math.abs(one.at - middle) < Math.abs(best - middle) ? one.at : best), Infinity);
    this.move((by < 1 ? at : middle) - middle);
    this.zoom(by);
  }

  zoom(by, share = 0.5) {
    const wide = this.span[1] - this.span[0], next = Math.min(this.all[1] - this.all[0], Math.max(LEAST, wide * by)), at = this.span[0] + share * wide;
    this.show([at - share * next, at + (1 - share) * next]);
  }

  move(by) {
    this.show([this.span[0] + by, this.span[1] + by]);
  }

  /** Shows a span; what is shown reaches at most half a span beyond the first and the last sighting. */
  show([from, to]) {
    const wide = Math.min(to - from, this.all[1] - this.all[0]), beyond = wide < this.all[1] - this.all[0] ? wide / 2 : 0;
    const low = Math.min(Math.max(from, this.all[0] - beyond), this.all[1] + beyond - wide);
    this.span = [low, low + wide];
    this.draw();
  }

  draw() {
    const width = this.area.clientWidth - this.margin();
    if (width < 60) return;
    const [from, to] = this.span, x = (at) => INSET + ((at - from) / (to - from)) * (width - 2 * INSET);
    const focused = document.activeElement?.dataset?.shot;
    const shown = this.sightings.filter((one) => one.at >= from && one.at <= to);
    const zone = hasDates() ? ` ${zoneName(forServer(from))}` : "";
    const same = day(forServer(from)) === day(forServer(to));
    this.words.textContent = `${day(forServer(from))} ${clock(forServer(from))} – ${same ? "" : `${day(forServer(to))} `}${clock(forServer(to))}${zone} · ${t("timeline.shown", { n: shown.length })}`;
    refill(this.area, this.axis(x, width), this.cameras.map((camera) => this.lane(camera, shown.filter((one) => one.camera === camera), x)), this.path(shown, x, width));
    if (focused) this.area.querySelector(`[data-shot="${CSS.escape(focused)}"]`)?.focus();
  }

  axis(x, width) {
    const [from, to] = this.span, step = STEPS.find((one) => one / (to - from) * width > 92) ?? STEPS.at(-1);
    const shift = hasDates() ? Date.parse(`${forField(from)}Z`) - Math.floor(from / 1000) * 1000 : 0;
    const ticks = [];
    for (let at = Math.ceil((from + shift) / step) * step - shift; at < to; at += step) ticks.push(at);
    return h("div", { class: "axis tiny faint figures", "aria-hidden": "true" }, ticks.map((at) => h("span", { style: { left: `${x(at) + this.margin()}px` } }, step >= 86400000 ? day(forServer(at)) : clock(forServer(at), undefined, step < 60000))));
  }

  lane(camera, sightings, x) {
    const best = [...sightings].sort((one, other) => weight(other) - weight(one));
    const taken = [];
    const shots = best.filter((one) => {
      const free = taken.every((at) => Math.abs(at - x(one.at)) >= SHOT);
      if (free) taken.push(x(one.at));
      return free;
    });
    const rest = best.filter((one) => !shots.includes(one));
    return h("div", { class: "lane" }, h("div", { class: "lane-name" }, h("b", { class: "clip" }, cameraName(camera)), h("span", { class: "tiny faint" }, t("timeline.here", { n: sightings.length }))),
      h("div", { class: "lane-field" }, rest.map((one) => this.mark(one, x, "lane-tick")), shots.sort((one, other) => one.at - other.at).map((one) => this.mark(one, x, "lane-shot"))));
  }

  mark(one, x, kind) {
    const stated = state.marks.get(one.sighting) ?? one.level ?? "";
    const said = [cameraName(one.camera), whole(one.time, one.camera), typeof one.similarity === "number" ? similarity(one.similarity) : null].filter(Boolean).join(" · ");
    return h("button", { type: "button", class: `${kind} ${stated}`, "data-shot": one.sighting, "aria-label": said, title: said, style: { left: `${x(one.at)}px` }, on: { click: () => this.open(one) } }, kind === "lane-shot" ? h("img", { src: address.person(one.sighting), alt: "", loading: "lazy" }) : null);
  }

  /** The way of the person: a line through the confirmed sightings, from camera to camera. */
  path(shown, x, width) {
    const known = shown.filter((one) => state.marks.get(one.sighting) === "confirmed").sort((one, other) => one.at - other.at);
    if (known.length < 2) return null;
    const LANE = 84, y = (one) => this.cameras.indexOf(one.camera) * LANE + LANE - 12;
    const line = s("svg", { class: "lane-path", width, height: this.cameras.length * LANE, "aria-hidden": "true" }, s("polyline", { points: known.map((one) => `${x(one.at)},${y(one)}`).join(" ") }));
    line.style.left = `${this.margin()}px`;
    return line;
  }
}

function weight(one) {
  return (state.marks.get(one.sighting) === "confirmed" ? 10 : 0) - (state.marks.get(one.sighting) === "rejected" ? 10 : 0) + (one.similarity ?? 0);
}
