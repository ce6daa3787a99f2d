// Photos from outside: dropped, pasted or chosen. People in them are outlined, a click says whom to look for.
import { address, hintsOf, sendPicture } from "../shared/api.js";
import { button, cutout, h, icon, refill } from "../shared/dom.js";
import { dialogHead, openDialog } from "../shared/dialogs.js";
import { notice, problem } from "../shared/notices.js";
import { limits, state } from "../shared/state.js";
import { add, startWith } from "../shared/search.js";
import { t } from "../shared/texts.js";
import { hintBoxes } from "./hints.js";
import { boxHints, stage } from "./stage.js";

const TYPES = ["image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff"];

/** Opens the system's dialog for files. */
export function chooseFiles(list = "examples") {
  const input = h("input", { type: "file", accept: TYPES.join(","), multiple: true, class: "unseen", "aria-label": t("upload.choose"), on: { change: () => { takeFiles([...input.files], list); input.remove(); }, cancel: () => input.remove() } });
  document.body.append(input);
  input.click();
}

/** Takes photos one after the other: each is shown, and the reader says who is meant. */
export async function takeFiles(files, list = "examples") {
  for (const file of files.slice(0, limits().examples)) {
    if (file.type && !file.type.startsWith("image/")) notice(t("upload.no_picture", { name: file.name }), { bad: true });
    else if (file.size > limits().upload_bytes) notice(t("upload.too_large", { name: file.name, n: Math.round(limits().upload_bytes / 2 ** 20) }), { bad: true });
    else await photoDialog(file, list);
  }
}

/** Dropping and pasting work everywhere on the page. */
export function listenToPhotos() {
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const over = (shown) => document.body.classList.toggle("dropping", shown);
  addEventListener("dragenter", (event) => { if (carries(event)) { depth++; over(true); } });
  addEventListener("dragleave", (event) => { if (carries(event) && --depth <= 0) { depth = 0; over(false); } });
  addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    takeFiles([...event.dataTransfer.files], event.target.closest?.("[data-list]")?.dataset.list);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter((one) => one.type.startsWith("image/"));
    if (files.length) takeFiles(files);
  });
}

function photoDialog(file, list) {
  return new Promise((resolve) => {
    const preview = URL.createObjectURL(file);
    const dialog = openDialog("photo-dialog", t("upload.title"), { keys: { Enter: () => dialog.querySelector(".primary:not(:disabled)")?.click() }, closed: () => { URL.revokeObjectURL(preview); resolve(); } });
    const body = h("div", { class: "inside" }, dialogHead(dialog, t("upload.title"), t("upload.looking")),
      h("div", { class: "stage-hold waiting" }, h("img", { class: "preview", src: preview, alt: "" }), h("span", { class: "spinner" })));
    dialog.append(body);
    sendPicture(file).then((found) => dialog.open && showFound(dialog, body, preview, found, list), (error) => {
      if (!dialog.open) return;
      refill(body, dialogHead(dialog, t("upload.failed"), error.message), h("div", { class: "ends" }, button({ text: t("upload.another"), kind: "primary", press: () => { dialog.close(); chooseFiles(list); } })));
      if (error.status === 401) problem(error);
    });
  });
}

function showFound(dialog, body, preview, found, list) {
  let chosen = found.people.length === 1 ? found.people[0] : null;
  const draw = () => {
    const own = chosen ? hintsOf(chosen) : [];
    const all = chosen ? (own.length ? own : boxHints(chosen.box, found.width, found.height)) : hintsOf(found);
    const people = chosen && chosen.person === undefined ? [...found.people, chosen] : found.people;
    refill(body,
      dialogHead(dialog, found.people.length ? t("upload.who", { n: found.people.length }) : t("upload.nobody"), found.people.length ? t("upload.click") : t("upload.draw")),
      h("div", { class: "stage-hold" }, stage({ href: preview, width: found.width, height: found.height, people, label: t("upload.picture"), chosen: (one) => one === chosen, press: (one) => { chosen = one; draw(); }, draw: (box) => { chosen = { box }; draw(); } })),
      h("div", { class: "photo-foot" }, chosen ? h("div", { class: "photo-cut" }, cutout(preview, found.width, found.height, chosen.box, t("stage.chosen"))) : null,
        h("div", { class: "grow" }, chosen ? (all.length ? hintBoxes(all) : h("p", { class: "soft row" }, icon("check"), t("upload.good"))) : all.length ? hintBoxes(all) : h("p", { class: "soft" }, t("upload.missed"))),
        h("div", { class: "ends" }, actions(dialog, found, chosen, list))));
  };
  draw();
  (body.querySelector(".primary:not(:disabled)") ?? body.querySelector(".outline"))?.focus({ focusVisible: false });
}

function actions(dialog, found, chosen, list) {
  const example = () => ({ probe: found.probe, person: chosen.person ?? null, box: chosen.box, width: found.width, height: found.height });
  const done = (act) => () => { act(); dialog.close(); location.hash = "#/"; };
  if (list === "others") return button({ text: t("person.is_other"), kind: "primary", disabled: !chosen, press: done(() => add(example(), "others")) });
  if (!state.examples.length) return button({ icon: "search", text: t("person.search"), kind: "primary large", disabled: !chosen, press: done(() => startWith([example()])) });
  return [button({ text: t("person.search_instead"), disabled: !chosen, press: done(() => startWith([example()])) }),
    button({ icon: "plus", text: t("person.add_photo"), kind: "primary", disabled: !chosen, press: done(() => add(example())) })];
}

/** The picture of an example: a sighting of the gallery, or a part of a photo. */
export function examplePicture(example, label) {
  if (example.sighting) return h("img", { src: address.person(example.sighting), alt: label });
  return cutout(example.frame ? address.frame(example.frame) : address.probe(example.probe), example.width, example.height, example.box, label);
}
