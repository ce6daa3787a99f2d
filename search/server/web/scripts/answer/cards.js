// The ranking: one card for each sighting, grouped by what the verdict supports.
import { address } from "../shared/api.js";
import { h, refill } from "../shared/dom.js";
import { cameraName, on, state } from "../shared/state.js";
import { similarity, t } from "../shared/texts.js";
import { clock, day, moment, whole, zoneName } from "../shared/times.js";
import { markButtons } from "./marks.js";
import { scaleOf, track } from "./scale.js";

const MOVES = { ArrowRight: 1, ArrowLeft: -1 };

export function ranking(answer, open) {
  const scale = scaleOf(answer);
  const days = new Set(answer.sightings.map((one) => day(one.time, one.camera)));
  const shown = answer.sightings.filter((one) => !state.hideRejected || state.marks.get(one.sighting) !== "rejected");
  const judged = answer.sightings.some((one) => one.level);
  const groups = judged ? ["match", "possible", null].map((level) => shown.filter((one) => (one.level ?? null) === level)) : [shown];
  const element = h("div", { class: "ranking" }, groups.map((group) => (group.length ? [judged ? groupHead(group) : null, h("ol", { class: "cards", start: group[0].rank }, group.map((one) => card(one, scale, days.size > 1, open)))] : null)));
  element.addEventListener("keydown", (event) => moveFocus(element, event));
  const off = on("marks", (sighting) => {
    for (const one of element.querySelectorAll(".card")) if (!sighting || one.dataset.sighting === sighting) showMark(one);
  });
  return { element, leave: off };
}

function groupHead(group) {
  const level = group[0].level ?? null;
  const text = { match: t("group.match", { n: group.length }), possible: t("group.possible", { n: group.length }) }[level] ?? t("group.rest", { n: group.length });
  const means = { match: t("group.match_means"), possible: t("group.possible_means") }[level] ?? t("group.rest_means");
  return h("div", { class: "group-head" }, h("h3", {}, text), h("p", { class: "small soft" }, means));
}

function card(one, scale, withDay, open) {
  const said = t("card.label", { rank: one.rank, camera: cameraName(one.camera), time: whole(one.time, one.camera), similarity: similarity(one.similarity) });
  const element = h("li", { class: "card", "data-sighting": one.sighting, on: { pointerenter: () => light(one.sighting, true), pointerleave: () => light(one.sighting, false) } },
    h("button", { type: "button", class: "card-open", "aria-label": said, on: { click: () => open(one) } }, h("span", { class: "shot bone" }, h("img", { src: address.person(one.sighting), alt: "", loading: one.rank > 24 ? "lazy" : "eager", on: { load: (event) => event.target.parentElement.classList.remove("bone"), error: (event) => event.target.remove() } })),
      h("span", { class: "rank figures" }, String(one.rank)), h("span", { class: "stamp" })),
    h("div", { class: "card-foot" }, h("div", { class: "row" }, h("b", { class: "clip grow" }, cameraName(one.camera)), h("span", { class: "figures small" }, similarity(one.similarity))), track(scale, one),
      h("time", { class: "tiny soft figures", datetime: new Date(moment(one.time) ?? 0).toISOString(), title: whole(one.time, one.camera) }, withDay ? h("span", { class: "card-day" }, day(one.time, one.camera).replace(/,? \d{4}$/, "")) : null, h("span", {}, clock(one.time, one.camera), " ", h("span", { class: "faint" }, zoneName(one.time, one.camera)))), h("div", { class: "card-marks" })));
  showMark(element);
  return element;
}

function showMark(element) {
  const { sighting } = element.dataset, now = state.marks.get(sighting);
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.mark : null;
  element.classList.toggle("confirmed", now === "confirmed");
  element.classList.toggle("rejected", now === "rejected");
  refill(element.querySelector(".stamp"), now ? h("span", { class: `chip ${now}` }, now === "confirmed" ? t("mark.confirmed") : t("mark.rejected")) : null);
  refill(element.querySelector(".card-marks"), markButtons(sighting));
  if (focused) element.querySelector(`[data-mark="${focused}"]`).focus();
}

function light(sighting, lit) {
  document.querySelector(`[data-dot="${CSS.escape(sighting)}"]`)?.classList.toggle("lit", lit);
}

/** The card that has the focus, as an entry of the answer. */
export function focusedSighting() {
  return document.activeElement?.closest?.(".card")?.dataset.sighting ?? null;
}

function moveFocus(element, event) {
  const cards = [...element.querySelectorAll(".card-open")];
  const now = cards.indexOf(document.activeElement?.closest(".card")?.querySelector(".card-open"));
  if (now < 0) return;
  let next = now + (MOVES[event.key] ?? 0);
  if (event.key === "ArrowDown" || event.key === "ArrowUp") next = above(cards, now, event.key === "ArrowDown" ? 1 : -1);
  else if (!(event.key in MOVES)) return;
  cards[Math.min(cards.length - 1, Math.max(0, next))]?.focus();
  event.preventDefault();
}

/** The card under or over another one: the nearest of the next line. */
function above(cards, now, direction) {
  const places = cards.map((one) => one.getBoundingClientRect());
  const lines = places.map((one) => Math.round(one.top));
  const line = direction > 0 ? Math.min(...lines.filter((one) => one > lines[now] + 4)) : Math.max(...lines.filter((one) => one < lines[now] - 4));
  let best = now;
  lines.forEach((one, at) => {
    if (one === line && (best === now || Math.abs(places[at].left - places[now].left) < Math.abs(places[best].left - places[now].left))) best = at;
  });
  return best;
}
