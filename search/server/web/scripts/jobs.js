// Long work, such as an export or indexing: a ring in the header, and how long it still takes.
import { get } from "./shared/api.js";
import { h, openMenu, refill, s } from "./shared/dom.js";
import { on } from "./shared/state.js";
import { language, number, t } from "./shared/texts.js";
import { lasting } from "./shared/times.js";

const OFTEN = 1500, SELDOM = 12000; // milliseconds between two looks, with and without work
const AROUND = 2 * Math.PI * 7;
let timer = null;
let jobs = [];
let place = null;

export function jobButton() {
  place = h("span", {});
  draw();
  return place;
}

async function look() {
  clearTimeout(timer);
  if (!document.hidden) ({ jobs } = await get("jobs").catch(() => ({ jobs: [] })));
  draw();
  timer = setTimeout(look, jobs.length ? OFTEN : SELDOM);
}

export function watchJobs() {
  on("jobs", () => setTimeout(look, 300));
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
}

function kind(job) {
  return { export: t("jobs.export"), clip: t("jobs.clip"), index: t("jobs.index"), models: t("jobs.models"), upload: t("jobs.upload"), search: t("jobs.search") }[job.kind] ?? job.kind;
}

function draw() {
  if (!place) return;
  if (!jobs.length) return void place.replaceChildren();
  const counted = jobs.filter((one) => one.total);
  const done = counted.length ? counted.reduce((sum, one) => sum + one.done / one.total, 0) / counted.length : null;
  const ring = s("svg", { class: "job-ring", viewBox: "0 0 18 18", "aria-hidden": "true" }, s("circle", { cx: 9, cy: 9, r: 7 }), s("circle", { cx: 9, cy: 9, r: 7, "stroke-dasharray": AROUND, "stroke-dashoffset": AROUND * (1 - (done ?? 0.3)) }));
  if (done === null) ring.classList.add("endless");
  const words = done === null ? kind(jobs[0]) : `${number(Math.round(100 * done))} %`;
  refill(place, h("button", { type: "button", class: "button quiet job-button", "aria-label": t("jobs.label", { n: jobs.length, state: words }), on: { click: (event) => openMenu(event.currentTarget, list()) } }, ring, h("span", { class: "clip" }, words)));
}

function list() {
  return h("div", { class: "jobs" }, jobs.map((one) => h("div", { class: "job" }, h("div", { class: "row small" }, h("b", { class: "grow" }, kind(one)), h("span", { class: "soft figures" }, one.total ? t("jobs.of", { done: one.done, total: one.total }) : "")), h("div", { class: "bar", role: "progressbar", "aria-label": kind(one), "aria-valuemin": one.total ? 0 : null, "aria-valuemax": one.total, "aria-valuenow": one.total ? one.done : null }, h("i", { class: one.total ? null : "endless", style: { width: `${one.total ? (100 * one.done) / one.total : 30}%` } })), h("p", { class: "tiny faint" }, [language() === "en" ? one.text : null, typeof one.seconds_left === "number" ? t("jobs.left", { time: lasting(1000 * one.seconds_left) }) : null].filter(Boolean).join(" · ")))));
}
