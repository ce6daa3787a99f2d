// One case: the person's timeline from confirmed sightings, the searches, the notes, and the export.
import { address, caseOf, fetchFile, post } from "../shared/api.js";
import { button, h, icon, refill } from "../shared/dom.js";
import { askForText } from "../shared/dialogs.js";
import { notice, problem } from "../shared/notices.js";
import { mark, openCase, renameCase, startWith } from "../shared/search.js";
import { cameraName, state, tell } from "../shared/state.js";
import { locale, number, similarity, t } from "../shared/texts.js";
import { clock, day, lasting, moment, onOneLine, whole, zoneName } from "../shared/times.js";
import { timeline } from "../answer/timeline.js";
import { openViewer } from "../answer/viewer.js";

/** A time at which somebody did something here, on the reader's own clock. */
export function spoken(time) {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(moment(time));
}

export function casePage(id) {
  const element = h("div", { class: "page case-page" }, h("div", { class: "bone case-bone" }), h("div", { class: "bone case-bone tall" }));
  let leave = () => {};
  const show = async () => {
    try {
      await openCase(id);
      const found = await caseOf(id);
      leave();
      const story = confirmed(found, show);
      leave = story.leave;
      refill(element, head(found, show), h("div", { class: "case-columns" }, h("div", { class: "case-main" }, story.element, searches(found)), h("div", { class: "case-side" }, notes(found, show), rejected(found, show), kept())));
    } catch (error) {
      refill(element, h("div", { class: "empty panel" }, h("span", { class: "glyph" }, icon("folder", 24)), h("h2", {}, t("case.failed")), h("p", {}, error.message), h("a", { class: "button", href: "#/cases" }, t("case.all"))));
    }
  };
  show();
  return { element, leave: () => leave() };
}

function head(found, show) {
  const rename = async () => {
    const name = await askForText({ title: t("case.rename"), label: t("case.name"), value: found.name, submit: t("case.rename_do") });
    if (name) renameCase(found.case, name).then(show, problem);
  };
  const count = found.marks.filter((one) => one.mark === "confirmed").length;
  return h("div", { class: "page-head" }, h("div", { class: "grow" }, h("a", { class: "back small", href: "#/cases" }, icon("left", 16), t("case.all")), h("div", { class: "row" }, h("h1", {}, found.name), button({ icon: "edit", kind: "quiet", label: t("case.rename"), press: rename })), h("p", { class: "soft small" }, t("case.since", { when: spoken(found.created) }), " · ", t("cases.confirmed", { n: count }))), exportButton(found));
}

function exportButton(found) {
  const place = h("div", { class: "export" });
  const ready = () => refill(place, button({ icon: "download", text: t("export.do"), kind: "primary", press: run }));
  const run = async () => {
    refill(place, h("button", { type: "button", class: "button primary", disabled: true }, h("span", { class: "spinner little" }), t("export.running")));
    tell("jobs");
    try {
      const { blob, name } = await fetchFile(`cases/${encodeURIComponent(found.case)}/export`, {});
      save(blob, name ?? "case.zip");
      ready();
      place.append(h("p", { class: "tiny soft", role: "status" }, t("export.done", { size: number(Math.max(0.1, Math.round(10 * blob.size / 2 ** 20) / 10), 1) }), " ", h("code", {}, `personsearch case verify "${name ?? "case.zip"}"`)));
    } catch (error) {
      ready();
      problem(error);
    }
  };
  ready();
  return place;
}

function save(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = h("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 60000);
}

function confirmed(found, show) {
  const list = found.marks.filter((one) => one.mark === "confirmed").sort((one, other) => (moment(one.time) ?? 0) - (moment(other.time) ?? 0));
  if (!list.length) return { leave: () => {}, element: h("section", { class: "panel" }, h("div", { class: "empty" }, h("span", { class: "glyph" }, icon("check", 24)), h("h3", {}, t("case.nothing")), h("p", {}, t("case.nothing_how")), h("div", { class: "actions" }, h("a", { class: "button primary", href: "#/" }, t("cases.to_search"))))) };
  const lanes = timeline(list, { open: (one) => openViewer(one, list) });
  return { leave: lanes.leave, element: h("section", {}, h("h2", {}, t("case.person")), h("p", { class: "soft" }, t("case.person_how")), lanes.element, h("ol", { class: "story" }, list.map((one, at) => step(one, list[at - 1], list, show)))) };
}

/** One confirmed sighting, and how long after the one before it. */
function step(one, before, list, show) {
  const apart = before && onOneLine([one, before]).length === 2 ? moment(one.time) - moment(before.time) : 0;
  return h("li", {}, apart > 0 ? h("p", { class: "story-gap tiny faint" }, one.camera === before.camera ? t("story.later", { time: lasting(apart) }) : t("story.later_elsewhere", { time: lasting(apart) })) : null,
    h("div", { class: "story-step" }, h("button", { type: "button", class: "story-shot", "aria-label": t("story.open", { camera: cameraName(one.camera), time: whole(one.time, one.camera) }), on: { click: () => openViewer(one, list) } }, h("img", { src: address.person(one.sighting), alt: "", loading: "lazy" })),
      h("div", { class: "grow" }, h("p", { class: "story-time figures" }, h("b", {}, clock(one.time, one.camera)), " ", h("span", { class: "faint small" }, zoneName(one.time, one.camera))), h("p", {}, h("b", {}, cameraName(one.camera)), " ", h("span", { class: "soft small" }, day(one.time, one.camera))), h("p", { class: "tiny faint" }, t("story.by", { who: one.by ?? "", when: spoken(one.at) }))),
      button({ text: t("mark.take_back"), kind: "quiet little", press: () => mark(one.sighting, "confirmed").then(show) })));
}

function searches(found) {
  if (!found.searches.length) return null;
  const list = h("ol", { class: "panel case-searches" }, found.searches.slice(0, 12).map((one) => h("li", {}, searchPictures(found, one), h("div", { class: "grow" }, h("p", {}, t("case.search", { n: one.examples?.length ?? 1 })), h("p", { class: "tiny faint" }, [spoken(one.at), filtersInWords(one.filters)].filter(Boolean).join(" · "))), one.level === "match" || one.level === "possible" ? h("span", { class: `chip ${one.level}` }, one.level === "match" ? t("level.match") : t("level.possible")) : null, typeof one.best === "number" ? h("span", { class: "small figures soft" }, similarity(one.best)) : null, again(one))));
  return h("section", {}, h("h2", {}, t("case.searches")), h("p", { class: "soft" }, t("case.searches_how")), list);
}

/** The photos that a search went by, as the case keeps them. */
function searchPictures(found, search) {
  if (!search.probes?.length) return h("span", { class: "case-glyph little" }, icon("search", 16));
  return h("span", { class: "search-photos" }, search.probes.slice(0, 3).map((one) => h("img", { src: address.caseProbe(found.case, one), alt: "", loading: "lazy" })));
}

/** Makes a search once more, where all its photos are sightings; uploaded photos are not kept for searching. */
function again(search) {
  const examples = search.examples ?? [];
  if (!examples.length || !examples.every((one) => one.sighting)) return null;
  const { cameras, after, before, minimum_similarity: least } = search.filters ?? {};
  const seconds = (time) => (typeof time === "number" || time === null || time === undefined ? time ?? null : moment(time) / 1000);
  return button({ icon: "again", kind: "quiet little", label: t("case.search_again"), press: () => {
    Object.assign(state.filters, { cameras: cameras ?? [], after: seconds(after), before: seconds(before), minimum_similarity: least ?? null });
    startWith(examples.map(({ sighting }) => ({ sighting })));
    location.hash = "#/";
  } });
}

function filtersInWords(filters) {
  if (!filters) return "";
  const cameras = filters.cameras?.length ? filters.cameras.map(cameraName).join(", ") : t("panel.all_cameras");
  const times = [filters.after && t("case.from", { time: whole(filters.after) }), filters.before && t("case.to", { time: whole(filters.before) })].filter(Boolean);
  return [cameras, ...times].join(" · ");
}

function notes(found, show) {
  const field = h("textarea", { class: "input", rows: 3, maxlength: 4000, required: true, placeholder: t("notes.write"), "aria-label": t("notes.write") });
  const form = h("form", { class: "note-form", on: { submit: async (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    try {
      await post(`cases/${encodeURIComponent(found.case)}/notes`, { text: field.value.trim() });
      notice(t("notes.kept"));
      show();
    } catch (error) {
      problem(error);
    }
  } } }, field, h("div", { class: "ends" }, h("button", { type: "submit", class: "button little" }, t("notes.add"))));
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); });
  return h("section", { class: "panel side-box" }, h("h3", { class: "row" }, icon("note"), t("notes.title")), form, h("ol", { class: "note-list" }, [...found.notes].reverse().map((one) => h("li", {}, h("p", {}, one.text), h("p", { class: "tiny faint" }, t("story.by", { who: one.by ?? "", when: spoken(one.at) }))))));
}

function rejected(found, show) {
  const list = found.marks.filter((one) => one.mark === "rejected");
  if (!list.length) return null;
  return h("section", { class: "panel side-box" }, h("h3", { class: "row" }, icon("reject"), t("case.rejected", { n: list.length })), h("ul", { class: "faces" }, list.map((one) => h("li", {}, h("button", { type: "button", class: "face rejected", "aria-label": t("story.open", { camera: cameraName(one.camera), time: whole(one.time, one.camera) }), on: { click: () => openViewer(one, list) } }, h("img", { src: address.person(one.sighting), alt: "", loading: "lazy" })), button({ text: t("mark.take_back"), kind: "quiet little", press: () => mark(one.sighting, "rejected").then(show) })))));
}

function kept() {
  return h("section", { class: "side-box plain" }, h("h3", { class: "row" }, icon("key"), t("export.title")), h("p", { class: "small soft" }, t("export.what")), h("p", { class: "small soft" }, t("export.audit")));
}
