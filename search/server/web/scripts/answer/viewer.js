// One sighting, large: its whole frame, the seconds around it, who was near, and what to do with it.
import { address, fetchFile, get, nearby, peopleOf } from "../shared/api.js";
import { button, h, icon, refill } from "../shared/dom.js";
import { openDialog } from "../shared/dialogs.js";
import { problem } from "../shared/notices.js";
import { cameraName, on, state } from "../shared/state.js";
import { add, startWith } from "../shared/search.js";
import { similarity, t } from "../shared/texts.js";
import { clock, day, lasting, moment, whole, zoneName } from "../shared/times.js";
import { stage } from "../person/stage.js";
import { markButtons, markWithCase } from "./marks.js";
import { scaleOf, track } from "./scale.js";

const NEAR = 60; // seconds before and after in which somebody is near
const MOST_NEAR = 48; // people shown, those nearest in time first
const AROUND = 10; // seconds that the clip shows before and after

/** Opens a sighting; with `list`, the arrow keys go through the list. */
export function openViewer(sighting, list = [sighting]) {
  const view = new Viewer(list, Math.max(0, list.findIndex((one) => one.sighting === sighting.sighting)));
  view.show();
}

/** How long before or after, such as "+12 s". */
function apart(one, other) {
  const between = moment(other.time) - moment(one.time);
  return Math.abs(between) < 500 ? t("viewer.same_time") : `${between > 0 ? "+" : "−"}${lasting(between)}`;
}

class Viewer {
  constructor(list, at) {
    Object.assign(this, { list, at, tab: "frame" });
    this.dialog = openDialog("viewer", t("viewer.label"), {
      keys: { ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1), y: () => this.mark("confirmed"), n: () => this.mark("rejected"), s: () => this.searchOn(), a: () => this.addPhoto(), p: () => this.turn("clip"), f: () => this.turn("frame") },
      closed: () => { this.off(); document.querySelector(`[data-sighting="${CSS.escape(this.one.sighting)}"] .card-open`)?.focus({ preventScroll: true }); } });
    this.media = h("div", { class: "viewer-media" });
    this.side = h("aside", { class: "viewer-side" });
    this.bar = h("div", { class: "row viewer-top" });
    this.dialog.append(this.bar, this.media, this.side);
    this.off = on("marks", () => { refill(this.marks, markButtons(this.one.sighting, { large: true })); });
  }

  get one() {
    return this.list[this.at];
  }

  step(by) {
    if (this.at + by < 0 || this.at + by >= this.list.length) return;
    this.at += by;
    this.show();
  }

  mark(wanted) {
    markWithCase(this.one.sighting, wanted);
  }

  turn(tab) {
    this.tab = tab;
    this.showMedia();
  }

  show() {
    const { one } = this;
    this.found = null;
    this.marks = h("div", { class: "viewer-marks" }, markButtons(one.sighting, { large: true }));
    this.near = h("div", {}, h("div", { class: "near bone" }));
    refill(this.bar, h("span", { class: "small faint figures grow" }, this.list.length > 1 ? t("viewer.place", { at: this.at + 1, n: this.list.length }) : ""),
      this.list.length > 1 ? [button({ icon: "left", kind: "quiet little", label: t("viewer.previous"), disabled: this.at === 0, press: () => this.step(-1) }), button({ icon: "right", kind: "quiet little", label: t("viewer.next"), disabled: this.at === this.list.length - 1, press: () => this.step(1) })] : null, button({ icon: "close", kind: "quiet little", label: t("close"), press: () => this.dialog.close() }));
    refill(this.side, h("div", { class: "viewer-who" }, h("img", { src: address.person(one.sighting), alt: t("viewer.person") }), h("div", { class: "grow" }, h("h2", {}, cameraName(one.camera)), h("p", { class: "figures viewer-time" }, clock(one.time, one.camera), " ", h("span", { class: "faint" }, zoneName(one.time, one.camera))), h("p", { class: "soft small" }, day(one.time, one.camera)), this.alike())),
      this.marks, h("div", { class: "viewer-actions" }, button({ icon: "search", text: t("viewer.search_on"), key: "S", press: () => this.searchOn() }), state.examples.length ? button({ icon: "plus", text: t("viewer.add"), key: "A", press: () => this.addPhoto() }) : null),
      h("section", { class: "viewer-near" }, h("h3", {}, t("viewer.near")), h("p", { class: "small soft" }, t("viewer.near_how", { n: NEAR })), this.near));
    this.showMedia();
    this.showNear(one);
  }

  alike() {
    const { one } = this;
    if (typeof one.similarity !== "number" || !state.answer?.sightings.length) return null;
    return h("div", { class: "viewer-alike" }, h("div", { class: "row small" }, h("span", { class: "soft grow" }, t("viewer.similarity")), one.level ? h("span", { class: `chip ${one.level}` }, one.level === "match" ? t("level.match") : t("level.possible")) : null, h("b", { class: "figures" }, similarity(one.similarity))), track(scaleOf(state.answer), one));
  }

  async showMedia() {
    const { one } = this;
    const tabs = h("div", { class: "segments", role: "group", "aria-label": t("viewer.what") }, [["frame", "frame", t("viewer.frame")], ["clip", "play", t("viewer.clip")]].map(([name, glyph, text]) => h("button", { type: "button", "aria-pressed": String(this.tab === name), on: { click: () => this.turn(name) } }, icon(glyph, 16), text)));
    const hold = h("div", { class: "stage-hold" }, h("div", { class: "stage bone" }));
    refill(this.media, h("div", { class: "viewer-bar" }, tabs), hold);
    if (this.tab === "clip") return this.showClip(hold);
    try {
      const found = (this.found ??= await peopleOf(one.frame));
      if (one !== this.one || this.tab !== "frame") return undefined;
      const others = found.people.filter((person) => person.sighting !== one.sighting).map((person) => ({ ...person, kind: "other" }));
      const own = { sighting: one.sighting, box: one.box, kind: "own" };
      refill(hold, stage({ href: address.frame(one.frame), width: found.width, height: found.height, people: [own, ...others], label: t("viewer.whole", { camera: cameraName(one.camera), time: whole(one.time, one.camera) }), chosen: (person) => person === own, press: (person) => person !== own && this.openOther({ ...one, ...person, similarity: null, level: null, rank: null }) }));
    } catch (error) {
      refill(hold, h("div", { class: "empty" }, h("h3", {}, t("viewer.no_frame")), h("p", {}, error.message)));
    }
    return undefined;
  }

  showClip(hold) {
    const { one } = this, source = address.clip(one.sighting, AROUND);
    const wait = h("div", { class: "stage-wait", role: "status" }, h("span", { class: "spinner" }), h("p", { class: "soft" }, t("viewer.clip_wait")));
    const video = h("video", { class: "clip-video", src: source, hidden: true, controls: true, autoplay: true, loop: true, playsinline: true, "aria-label": t("viewer.clip_label", { n: AROUND }), on: { loadeddata: () => { wait.remove(); video.hidden = false; }, error: () => this.noClip(hold, source) } });
    video.muted = true;
    refill(hold, wait, video);
  }

  /** A video says only that it cannot be played; the server knows why. */
  async noClip(hold, from) {
    if (!hold.isConnected) return;
    const why = await fetchFile(from.replace("/api/", "")).then(() => t("viewer.no_clip_how"), (error) => error.message);
    refill(hold, h("div", { class: "empty" }, h("span", { class: "glyph" }, icon("film", 24)), h("h3", {}, t("viewer.no_clip")), h("p", {}, why), button({ text: t("viewer.back_to_frame"), press: () => this.turn("frame") })));
  }

  async showNear(one) {
    try {
      const { sightings: found } = await nearby(one.sighting, NEAR);
      if (one !== this.one) return;
      const sightings = found.sort((first, second) => Math.abs(moment(first.time) - moment(one.time)) - Math.abs(moment(second.time) - moment(one.time))).slice(0, MOST_NEAR);
      refill(this.near, sightings.length ? h("ul", { class: "faces" }, sightings.map((other) => h("li", {}, h("button", { type: "button", class: "face", "aria-label": t("viewer.other", { camera: cameraName(other.camera), time: whole(other.time, other.camera) }), title: `${cameraName(other.camera)} · ${whole(other.time, other.camera)}`, on: { click: () => this.openOther(other) } }, h("img", { src: address.person(other.sighting), alt: "", loading: "lazy" }), h("span", { class: "face-foot tiny figures", "aria-hidden": "true" }, apart(one, other)), other.camera === one.camera ? null : h("span", { class: "face-foot tiny clip", "aria-hidden": "true" }, cameraName(other.camera)))))) : h("p", { class: "small faint" }, t("viewer.nobody_near")));
    } catch (error) {
      refill(this.near, h("p", { class: "small faint" }, error.message));
    }
  }

  /** Somebody else in the frame or nearby: opens in the same window, and the arrow back leads to this one. */
  async openOther(other) {
    try {
      const complete = other.box && other.time !== undefined && other.frame ? other : await get(`sightings/${encodeURIComponent(other.sighting)}`);
      this.list = [...this.list.slice(0, this.at + 1), complete, ...this.list.slice(this.at + 1)];
      this.step(1);
    } catch (error) {
      problem(error);
    }
  }

  searchOn() {
    startWith([{ sighting: this.one.sighting }]);
    this.dialog.close();
    location.hash = "#/";
    scrollTo({ top: 0 });
  }

  addPhoto() {
    if (!state.examples.length) return this.searchOn();
    if (add({ sighting: this.one.sighting })) this.dialog.close();
    return undefined;
  }
}
