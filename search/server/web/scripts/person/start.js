// The first screen: whom do you look for?
import { address, frames, get } from "../shared/api.js";
import { button, h, icon, refill } from "../shared/dom.js";
import { cameraName, state } from "../shared/state.js";
import { number, t } from "../shared/texts.js";
import { moment, whole } from "../shared/times.js";
import { chooseFiles } from "./upload.js";

export function startScreen() {
  const { gallery } = state;
  const cases = h("section", { class: "recent", hidden: true });
  get("cases").then(({ cases: found }) => showCases(cases, found), () => {});
  if (!gallery.sightings) return h("div", { class: "page" }, emptyGallery());
  return h("div", { class: "page start" },
    h("div", { class: "start-head" }, h("h1", {}, t("start.title")), h("p", { class: "lead soft" }, t("start.lead", { sightings: gallery.sightings, n: gallery.cameras.length }))),
    h("div", { class: "ways" },
      h("section", { class: "panel drop", "data-list": "examples" }, h("span", { class: "drop-glyph" }, icon("image", 30)), h("h2", {}, t("start.photo")), h("p", { class: "soft" }, t("start.photo_how")),
        button({ icon: "upload", text: t("upload.choose"), kind: "primary large", press: () => chooseFiles(), key: "U" }), h("p", { class: "tiny faint" }, t("start.kept"))),
      h("section", { class: "panel from-footage" }, h("div", { class: "row" }, h("div", { class: "grow" }, h("h2", {}, t("start.footage")), h("p", { class: "soft" }, t("start.footage_how")))),
        h("ul", { class: "camera-tiles" }, gallery.cameras.slice(0, 5).map(cameraTile),
          h("li", {}, h("a", { class: "camera-tile all", href: "#/footage" }, h("span", { class: "shot" }, icon("film", 24), h("b", {}, t("start.all_cameras")))))))),
    cases,
    h("ol", { class: "steps" }, [t("start.step_1"), t("start.step_2"), t("start.step_3")].map((text, at) => h("li", {}, h("span", { class: "step-number" }, String(at + 1)), h("p", {}, text)))));
}

function cameraTile(camera) {
  const shot = h("span", { class: "shot bone" });
  busiestFrame(camera).then((frame) => {
    if (frame) refill(shot, h("img", { src: address.frame(frame.frame, 320), alt: "", loading: "lazy" })).classList.remove("bone");
  }, () => {});
  return h("li", {}, h("a", { class: "camera-tile", href: `#/footage?camera=${encodeURIComponent(camera.id)}` }, shot,
    h("span", { class: "row" }, h("span", { class: "clip strong" }, cameraName(camera.id)), h("span", { class: "tiny faint figures" }, number(camera.sightings)))));
}

async function busiestFrame(camera) {
  const { frames: found } = await frames(camera.id, { limit: 24, offset: 0 });
  return found.sort((one, other) => other.people - one.people)[0];
}

function showCases(section, found) {
  if (!found.length) return;
  const latest = [...found].sort((one, other) => moment(other.changed ?? other.created) - moment(one.changed ?? one.created)).slice(0, 3);
  section.hidden = false;
  refill(section, h("h3", {}, t("start.go_on")), h("div", { class: "recent-cases" }, latest.map((one) => h("a", { class: "panel recent-case", href: `#/cases/${encodeURIComponent(one.case)}` }, icon("folder", 20),
    h("span", { class: "grow" }, h("b", { class: "clip" }, one.name), h("span", { class: "tiny faint" }, t("cases.confirmed", { n: one.confirmed }))), icon("right", 16)))));
}

function emptyGallery() {
  return h("div", { class: "empty" }, h("span", { class: "glyph" }, icon("film", 24)), h("h2", {}, t("start.empty")), h("p", {}, t("start.empty_how")), h("code", {}, "personsearch index recordings/ --gallery people"));
}

/** The first and the last moment of a camera, in words. */
export function cameraSpan(camera) {
  return camera.first === null ? t("time.unknown") : `${whole(camera.first, camera.id)} – ${whole(camera.last, camera.id)}`;
}
