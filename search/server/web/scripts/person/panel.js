// The panel beside an answer: photos of the person, photos of others, and where and when to look.
import { button, h, icon, refill } from "../shared/dom.js";
import { cameraName, on, limits, state } from "../shared/state.js";
import { filter, remove, startAnew } from "../shared/search.js";
import { number, t } from "../shared/texts.js";
import { timeRange } from "./time_range.js";
import { chooseFiles, examplePicture } from "./upload.js";

export function personPanel() {
  const person = h("div", { class: "panel-part" });
  const filters = h("div", {});
  const element = h("aside", { class: "side", "aria-label": t("panel.label") }, person, filters);
  const drawPerson = () => refill(person, photos());
  const drawFilters = () => refill(filters, cameraFilter(), timeFilter(), more());
  drawPerson();
  drawFilters();
  const off = [on("search", drawPerson), on("filters", drawFilters), on("answer", () => element.querySelectorAll("[data-hits]").forEach(showHits))];
  return { element, leave: () => off.forEach((one) => one()) };
}

function photos() {
  const own = state.examples.filter((one) => !one.learned), learned = state.examples.filter((one) => one.learned);
  return [h("div", { class: "row" }, h("h2", { class: "grow" }, t("panel.person")), button({ icon: "again", text: t("panel.anew"), kind: "quiet little", press: startAnew })),
    h("ul", { class: "photos", "data-list": "examples" }, own.map((one, at) => photo(one, "examples", t("panel.photo", { n: at + 1 }))), own.length < limits().examples ? addTile("examples", t("panel.add")) : null),
    h("p", { class: "tiny faint" }, own.length === 1 ? t("panel.more_help") : t("panel.photos", { n: own.length, of: limits().examples })),
    learned.length ? [h("h3", { class: "with-mark good" }, icon("check", 16), t("panel.learned", { n: learned.length })), h("ul", { class: "photos little" }, learned.map((one) => photo(one, "examples", t("panel.learned_photo"))))] : null,
    state.others.length ? [h("h3", { class: "with-mark bad" }, icon("reject", 16), t("panel.others")), h("ul", { class: "photos little", "data-list": "others" }, state.others.map((one) => photo(one, "others", t("panel.other_photo"))), addTile("others", t("panel.add_other")))] : limits().others > 0 && h("button", { type: "button", class: "link tiny", on: { click: () => chooseFiles("others") } }, icon("reject", 14), t("panel.start_others"))];
}

function photo(example, list, label) {
  return h("li", { class: "photo" }, examplePicture(example, label), h("button", { type: "button", class: "photo-out", "aria-label": t("panel.remove", { what: label }), title: t("panel.remove", { what: label }), on: { click: () => remove(example, list) } }, icon("close", 14)));
}

function addTile(list, label) {
  return h("li", { class: "photo" }, h("button", { type: "button", class: "photo-add", "aria-label": label, title: label, on: { click: () => chooseFiles(list) } }, icon("plus", 20)));
}

function cameraFilter() {
  const all = state.gallery.cameras;
  const chosen = new Set(state.filters.cameras);
  const toggle = (id, wanted) => {
    const next = new Set(chosen.size ? chosen : all.map((one) => one.id));
    if (wanted) next.add(id);
    else next.delete(id);
    filter({ cameras: next.size === all.length || !next.size ? [] : [...next] });
    redraw();
  };
  const redraw = () => part.replaceWith(cameraFilter());
  const part = h("fieldset", { class: "panel-part" }, h("legend", { class: "unseen" }, t("panel.cameras")),
    h("div", { class: "row" }, h("h2", { class: "grow", "aria-hidden": "true" }, t("panel.cameras")), chosen.size ? button({ text: t("panel.all_cameras"), kind: "quiet little", press: () => { filter({ cameras: [] }); redraw(); } }) : null),
    h("div", { class: all.length > 8 ? "camera-checks long" : "camera-checks" }, all.map((one) => h("div", { class: "camera-check" }, h("label", { class: "check" }, h("input", { type: "checkbox", checked: !chosen.size || chosen.has(one.id), on: { change: (event) => toggle(one.id, event.target.checked) } }), h("span", { class: "clip" }, cameraName(one.id)), h("span", { class: "count", "data-hits": one.id })),
      h("button", { type: "button", class: "link tiny only-this", on: { click: () => { filter({ cameras: [one.id] }); redraw(); } }, "aria-label": t("panel.only", { camera: cameraName(one.id) }) }, t("panel.only_short"))))));
  part.querySelectorAll("[data-hits]").forEach(showHits);
  return part;
}

/** Beside each camera: how many sightings of the answer are from there. */
function showHits(place) {
  const shown = state.answer?.sightings.filter((one) => one.camera === place.dataset.hits).length;
  place.textContent = shown ? number(shown) : "";
  place.title = shown ? t("panel.hits", { n: shown }) : "";
}

function timeFilter() {
  return h("div", { class: "panel-part" }, timeRange());
}

function more() {
  const { filters } = state;
  return h("details", { class: "panel-part more", open: filters.minimum_similarity !== null || filters.limit !== 60 }, h("summary", {}, h("h2", {}, t("panel.more")), icon("down", 16)),
    h("label", { class: "field" }, h("span", {}, t("panel.limit")), h("select", { class: "input", on: { change: (event) => filter({ limit: Number(event.target.value) }) } }, [30, 60, 120, 240].map((one) => h("option", { value: one, selected: filters.limit === one }, number(one))))),
    h("label", { class: "field" }, h("span", {}, t("panel.minimum")), h("input", { class: "input", type: "number", step: 0.01, min: -1, max: 1, placeholder: t("panel.minimum_none"), value: filters.minimum_similarity ?? "", on: { change: (event) => filter({ minimum_similarity: event.target.value === "" ? null : Number(event.target.value) }) } }), h("span", { class: "tiny faint" }, t("panel.minimum_how"))));
}
