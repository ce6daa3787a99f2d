// Looking through the footage of a camera: a strip of frames over time, the chosen frame large, people outlined.
import { address, frames, peopleOf } from "../shared/api.js";
import { button, cutout, h, icon, refill } from "../shared/dom.js";
import { problem } from "../shared/notices.js";
import { add, startWith } from "../shared/search.js";
import { cameraName, cameraOf, limits, state } from "../shared/state.js";
import { t } from "../shared/texts.js";
import { clock, day, forField, forServer, fromField, hasDates, isDate, moment, whole, zoneName, zoneOf } from "../shared/times.js";
import { hintBoxes } from "./hints.js";
import { boxHints, stage } from "./stage.js";

const CHUNK = 60;
const AROUND = 18; // frames of the strip on either side of the chosen one

/** The screen, with the keys that work on it. */
export function footageScreen(question) {
  const look = new Footage(question.get("camera"), question.get("frame"), question.get("at"));
  return { element: look.element, keys: { ArrowLeft: () => look.step(-1), ArrowRight: () => look.step(1), Enter: () => look.chosen && document.activeElement?.tagName !== "BUTTON" ? look.search() : false } };
}

class Footage {
  constructor(camera, frame, at) {
    this.camera = cameraOf(camera)?.id ?? state.gallery.cameras[0]?.id;
    this.wanted = frame;
    this.chunks = new Map();
    this.total = 0;
    this.at = 0;
    this.chosen = null;
    this.cameras = h("nav", { class: "camera-list", "aria-label": t("footage.cameras") });
    this.stage = h("div", { class: "stage-hold" });
    this.side = h("aside", { class: "footage-side", "aria-label": t("footage.people") });
    this.strip = h("ol", { class: "strip", "aria-label": t("footage.strip") });
    this.slider = h("input", { type: "range", class: "slider", min: 0, max: 0, value: 0, "aria-label": t("footage.slider"), on: { input: () => this.go(Number(this.slider.value)) } });
    this.title = h("div", { class: "footage-title" });
    this.jump = h("input", { type: "datetime-local", step: 1, class: "input", "aria-label": t("footage.jump"), on: { change: () => this.jumpTo(fromField(this.jump.value, zoneOf(this.camera))) } });
    this.element = h("div", { class: "footage" }, this.cameras, h("section", { class: "footage-main" },
      h("div", { class: "footage-head" }, this.title, h("div", { class: "row" }, hasDates() ? h("label", { class: "row small soft jump" }, h("span", {}, t("footage.jump")), this.jump) : null,
        button({ icon: "left", kind: "", label: t("footage.earlier"), press: () => this.step(-1) }), button({ icon: "right", label: t("footage.later"), press: () => this.step(1) }))),
      this.stage, h("div", { class: "strip-hold" }, this.strip, this.slider)), this.side);
    this.open(this.camera, at);
  }

  async open(camera, at) {
    this.camera = camera;
    this.chunks.clear();
    refill(this.cameras, state.gallery.cameras.map((one) => h("button", { type: "button", class: "camera-item", "aria-pressed": String(one.id === camera), on: { click: () => this.open(one.id, this.current && forServer(moment(this.current.time))) } },
      icon("camera"), h("span", { class: "clip grow" }, cameraName(one.id)), h("span", { class: "tiny faint figures" }, t("footage.sightings", { n: one.sightings })))));
    refill(this.stage, h("div", { class: "stage bone" }));
    try {
      await this.chunk(0);
      this.slider.max = Math.max(0, this.total - 1);
      if (at !== null && at !== undefined && at !== "") await this.jumpTo(moment(hasDates() ? at : Number(at)));
      else await this.go(this.firstBusy());
    } catch (error) {
      refill(this.stage, h("div", { class: "empty" }, h("h3", {}, t("footage.failed")), h("p", {}, error.message), button({ text: t("again"), press: () => this.open(camera, at) })));
    }
  }

  firstBusy() {
    const first = this.chunks.get(0) ?? [];
    return Math.max(0, first.findIndex((one) => one.people === Math.max(...first.map((other) => other.people))));
  }

  async chunk(number) {
    if (!this.chunks.has(number)) {
      const camera = this.camera;
      const found = await frames(camera, { limit: CHUNK, offset: number * CHUNK });
      if (camera !== this.camera) return [];
      this.total = found.total;
      this.chunks.set(number, found.frames);
    }
    return this.chunks.get(number);
  }

  async frameAt(at) {
    return (await this.chunk(Math.floor(at / CHUNK)))[at % CHUNK];
  }

  async jumpTo(milliseconds) {
    if (milliseconds === null || Number.isNaN(milliseconds)) return this.go(0);
    const { total } = await frames(this.camera, { limit: 1, offset: 0, before: forServer(milliseconds) });
    return this.go(total);
  }

  step(by) {
    if (document.activeElement?.type === "range") return false;
    return this.go(this.at + by);
  }

  async go(at) {
    if (!this.total) return refill(this.stage, h("div", { class: "empty" }, h("span", { class: "glyph" }, icon("film", 24)), h("h3", {}, t("footage.none"))));
    this.at = Math.min(this.total - 1, Math.max(0, at));
    this.slider.value = this.at;
    const own = (this.turn = (this.turn ?? 0) + 1);
    const frame = await this.frameAt(this.at);
    if (own !== this.turn || !frame) return undefined;
    this.current = frame;
    this.chosen = null;
    this.slider.setAttribute("aria-valuetext", whole(frame.time, this.camera));
    this.jump.value = isDate(frame.time) ? forField(moment(frame.time), zoneOf(this.camera)) : "";
    refill(this.title, h("h1", { class: "clip" }, cameraName(this.camera)), h("p", { class: "soft figures" }, day(frame.time, this.camera), " ", h("b", {}, clock(frame.time, this.camera)), " ", h("span", { class: "faint" }, zoneName(frame.time, this.camera))));
    history.replaceState(null, "", `#/footage?camera=${encodeURIComponent(this.camera)}${frame.time === null ? "" : `&at=${encodeURIComponent(frame.time)}`}`);
    await Promise.all([this.showStrip(own), this.showFrame(frame, own)]).catch(problem);
    return undefined;
  }

  async showStrip(own) {
    const first = Math.max(0, this.at - AROUND), last = Math.min(this.total - 1, this.at + AROUND);
    for (let part = Math.floor(first / CHUNK); part <= Math.floor(last / CHUNK); part++) await this.chunk(part);
    if (own !== this.turn) return;
    const seen = new Map([...this.strip.children].map((one) => [one.dataset.at, one]));
    const items = [];
    for (let at = first; at <= last; at++) {
      const known = seen.get(`${this.camera}:${at}`) ?? this.thumb(at, this.chunks.get(Math.floor(at / CHUNK))[at % CHUNK]);
      known.querySelector("button").toggleAttribute("aria-current", at === this.at);
      items.push(known);
    }
    refill(this.strip, items);
    const now = this.strip.querySelector("[aria-current]")?.parentElement;
    if (now) this.strip.scrollTo({ left: now.offsetLeft - (this.strip.clientWidth - now.clientWidth) / 2 });
  }

  thumb(at, frame) {
    return h("li", { "data-at": `${this.camera}:${at}` }, h("button", { type: "button", "aria-label": t("footage.frame", { time: whole(frame.time, this.camera), n: frame.people }), on: { click: () => this.go(at) } },
      h("img", { src: address.frame(frame.frame, 240), alt: "", loading: "lazy" }), frame.people ? h("span", { class: "badge", "aria-hidden": "true" }, icon("person", 12), String(frame.people)) : null, h("span", { class: "when", "aria-hidden": "true" }, clock(frame.time, this.camera))));
  }

  async showFrame(frame, own) {
    const found = await peopleOf(frame.frame);
    if (own !== this.turn) return;
    this.found = found;
    this.draw();
  }

  draw() {
    const { found, current } = this;
    refill(this.stage, stage({ href: address.frame(current.frame), width: found.width, height: found.height, people: this.chosen?.sighting || !this.chosen ? found.people : [...found.people, this.chosen], label: t("footage.picture", { camera: cameraName(this.camera), time: whole(current.time, this.camera) }), chosen: (one) => one === this.chosen, press: (one) => this.choose(one), draw: (box) => this.choose({ box }) }));
    refill(this.side, this.chosen ? this.chosenPerson() : this.everybody());
  }

  choose(person) {
    this.chosen = person;
    this.draw();
    this.side.querySelector(".primary")?.focus({ preventScroll: true });
  }

  /** The chosen person as a search takes it: one that was found, or a box that was drawn. */
  example() {
    const { found, current, chosen } = this;
    return chosen.sighting ? { sighting: chosen.sighting } : { frame: current.frame, box: chosen.box, width: found.width, height: found.height };
  }

  everybody() {
    const { found, current } = this;
    if (!found.people.length) return h("div", { class: "empty" }, h("span", { class: "glyph" }, icon("people", 24)), h("h2", {}, t("footage.nobody")), h("p", {}, t("footage.nobody_how")));
    return [h("h2", {}, t("footage.click")), h("p", { class: "soft small" }, t("footage.click_how")), h("ul", { class: "faces" }, found.people.map((person, at) => h("li", {}, h("button", { type: "button", class: "face", "aria-label": t("stage.person", { n: at + 1, of: found.people.length }), on: { click: () => this.choose(person) } }, cutout(address.frame(current.frame), found.width, found.height, person.box, t("stage.person", { n: at + 1, of: found.people.length }))))))];
  }

  chosenPerson() {
    const { found, current, chosen } = this;
    const example = this.example();
    const leave = (act) => () => { act(); location.hash = "#/"; };
    return [h("div", { class: "row" }, h("h2", { class: "grow" }, t("stage.chosen")), button({ icon: "close", kind: "quiet little", label: t("footage.other"), press: () => { this.chosen = null; this.draw(); } })),
      h("div", { class: "chosen-cut" }, cutout(address.frame(current.frame), found.width, found.height, chosen.box, t("stage.chosen"), true)),
      hintBoxes(boxHints(chosen.box, found.width, found.height)),
      h("div", { class: "side-actions" }, state.examples.length
        ? [button({ icon: "plus", text: t("person.add_photo"), kind: "primary", press: leave(() => add(example)) }), button({ icon: "search", text: t("person.search_instead"), press: leave(() => startWith([example])) }), limits().others > 0 && button({ icon: "reject", text: t("person.is_other"), press: leave(() => add(example, "others")) })]
        : button({ icon: "search", text: t("person.search"), kind: "primary large", press: leave(() => startWith([example])) }))];
  }

  search() {
    startWith([this.example()]);
    location.hash = "#/";
  }
}
