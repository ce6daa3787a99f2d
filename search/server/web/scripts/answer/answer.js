// The screen of an answer: who is looked for at the side; the verdict, then the sightings as a ranking, lanes or a map.
import { button, h, icon, refill } from "../shared/dom.js";
import { ask, filter, learn, newMarks } from "../shared/search.js";
import { cameraName, on, state, tell } from "../shared/state.js";
import { number, t } from "../shared/texts.js";
import { hasDates, zonesOf } from "../shared/times.js";
import { hintBoxes } from "../person/hints.js";
import { personPanel } from "../person/panel.js";
import { examplePicture } from "../person/upload.js";
import { focusedSighting, ranking } from "./cards.js";
import { markWithCase } from "./marks.js";
import { places } from "./places.js";
import { plot } from "./scale.js";
import { timeline } from "./timeline.js";
import { verdictBox } from "./verdict.js";
import { openViewer } from "./viewer.js";

const VIEWS = [["ranking", "grid"], ["timeline", "lanes"], ["map", "map"]];

export function answerScreen() {
  const panel = personPanel();
  const summary = h("span", { class: "row grow" });
  const sheet = h("details", { class: "side-sheet" }, h("summary", {}, summary, icon("down", 16)));
  const sum = () => refill(summary, state.examples.slice(0, 3).map((one) => h("span", { class: "sheet-photo" }, examplePicture(one, ""))), h("span", { class: "grow" }, h("b", {}, t("panel.open")), h("span", { class: "tiny soft clip" }, inWords())));
  sum();
  const main = h("div", { class: "answer", "aria-busy": "false" });
  let leaveView = () => {};
  const draw = () => {
    leaveView();
    leaveView = () => {};
    main.setAttribute("aria-busy", String(state.asking));
    main.classList.toggle("asking", state.asking && Boolean(state.answer));
    if (state.failure) return refill(main, failure());
    if (!state.answer) return refill(main, waiting());
    if (!state.answer.sightings.length) return refill(main, nothing());
    const shown = view();
    leaveView = shown.leave;
    return refill(main, top(), shown.element);
  };
  const bar = () => main.querySelector(".learn")?.replaceWith(learnBar());
  draw();
  const off = [on("search", sum), on("answer", draw), on("view", draw), on("marks", () => { bar(); if (state.hideRejected && state.view === "ranking") draw(); }), on("case", bar)];
  const narrow = matchMedia("(max-width: 960px)");
  const arrange = () => { if (narrow.matches) sheet.append(panel.element); else sheet.before(panel.element); };
  const element = h("div", { class: "workspace" }, h("h1", { class: "unseen" }, t("answer.title")), sheet, main);
  arrange();
  narrow.addEventListener("change", arrange);
  return { element, keys: keys(), leave: () => { off.forEach((one) => one()); leaveView(); panel.leave(); narrow.removeEventListener("change", arrange); } };
}

/** The filters in a few words, for the closed panel of a narrow screen. */
function inWords() {
  const { cameras, after, before } = state.filters;
  const where = cameras.length === 1 ? cameraName(cameras[0]) : cameras.length ? t("panel.some_cameras", { n: cameras.length }) : t("panel.all_cameras");
  return `${where} · ${after === null && before === null ? t("when.clear") : t("when.limited")}`;
}

function open(one) {
  openViewer(one, state.answer.sightings.filter((other) => !state.hideRejected || state.marks.get(other.sighting) !== "rejected" || other === one));
}

function keys() {
  const onCard = (act) => () => { const sighting = focusedSighting(); return sighting ? act(sighting) : false; };
  const show = (name) => () => { state.view = name; tell("view"); };
  return { y: onCard((one) => markWithCase(one, "confirmed")), n: onCard((one) => markWithCase(one, "rejected")), 1: show("ranking"), 2: show("timeline"), 3: show("map"), l: () => (newMarks().length ? learn() : false),
    r: () => { const first = document.querySelector(".card-open"); first?.focus(); return Boolean(first); } };
}

function top() {
  const { answer } = state;
  return h("div", { class: "answer-top" }, hintBoxes(answer.hints), h("div", { class: "panel verdict-panel" }, verdictBox(answer), plot(answer, open)), learnBar(), toolbar(answer));
}

function toolbar(answer) {
  const zones = hasDates() ? zonesOf([...new Set(answer.sightings.map((one) => one.camera))]) : [];
  const names = { ranking: t("view.ranking"), timeline: t("view.timeline"), map: t("view.map") };
  return h("div", { class: "toolbar" }, h("div", { class: "segments", role: "group", "aria-label": t("view.label") }, VIEWS.map(([name, glyph]) => h("button", { type: "button", "aria-pressed": String(state.view === name), on: { click: () => { state.view = name; tell("view"); } } }, icon(glyph, 16), names[name]))),
    h("p", { class: "tiny faint grow figures" }, t("answer.compared", { n: answer.searched.sightings, cameras: number(answer.searched.cameras), seconds: number(Math.max(0.01, Math.round(answer.seconds * 100) / 100)) }), zones.length ? ` · ${t("answer.zones", { zones: zones.map((one) => one.replace(/^Etc\//, "")).join(", ") })}` : ""),
    h("label", { class: "switch" }, h("input", { type: "checkbox", role: "switch", checked: state.hideRejected, on: { change: (event) => { state.hideRejected = event.target.checked; tell("view"); } } }), t("answer.hide")));
}

/** Appears as soon as there are marks that the ranking has not learned from. */
function learnBar() {
  const marks = newMarks();
  const yes = marks.filter(([, value]) => value === "confirmed").length;
  if (!marks.length) return h("div", { class: "learn", hidden: true });
  return h("div", { class: "learn panel", role: "status" }, icon("again"), h("p", { class: "grow" }, h("b", {}, t("learn.title")), " ", h("span", { class: "soft" }, t("learn.how", { yes, no: marks.length - yes }))), button({ text: t("learn.do"), kind: "primary little", press: learn, key: "L" }));
}

function view() {
  const { answer } = state;
  if (state.view === "timeline") return timeline(answer.sightings, { open, limit: (after, before) => { filter({ after, before }); tell("filters"); } });
  if (state.view === "map") return { element: places(answer.sightings, open), leave: () => {} };
  return ranking(answer, open);
}

function waiting() {
  return h("div", { "aria-label": t("answer.waiting"), role: "status" }, h("div", { class: "panel verdict-panel waiting" }, h("div", { class: "bone bone-line" }), h("div", { class: "bone bone-line short" })),
    h("ol", { class: "cards" }, Array.from({ length: 18 }, () => h("li", { class: "card" }, h("span", { class: "shot bone" }), h("div", { class: "card-foot" }, h("div", { class: "bone bone-line" }), h("div", { class: "bone bone-line short" }))))));
}

function failure() {
  const { failure: error } = state;
  return h("div", { class: "empty panel" }, h("span", { class: "glyph" }, icon("warning", 24)), h("h2", {}, t("answer.failed")), h("p", {}, error.message), h("div", { class: "actions" }, button({ icon: "again", text: t("again"), kind: "primary", press: ask })));
}

function nothing() {
  const { searched } = state.answer;
  const limited = state.filters.cameras.length || state.filters.after !== null || state.filters.before !== null;
  return h("div", { class: "empty panel" }, h("span", { class: "glyph" }, icon("search", 24)), h("h2", {}, searched.sightings ? t("answer.none_similar") : t("answer.none_there")),
    h("p", {}, searched.sightings ? t("answer.none_similar_how", { n: searched.sightings }) : t("answer.none_there_how")),
    h("div", { class: "actions" }, limited || state.filters.minimum_similarity !== null ? button({ text: t("answer.clear"), kind: "primary", press: () => { filter({ cameras: [], after: null, before: null, minimum_similarity: null }); tell("filters"); } }) : null));
}
