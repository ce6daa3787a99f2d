// The time filter: how many people the cameras saw over time, with two handles, and the same as two fields.
import { button, h, refill, s } from "../shared/dom.js";
import { state } from "../shared/state.js";
import { filter } from "../shared/search.js";
import { t } from "../shared/texts.js";
import { clock, day, forField, forServer, fromField, hasDates, moment, whole, zoneName, zoneOf } from "../shared/times.js";

const STEPS = 600;

export function timeRange() {
  const first = moment(state.gallery.first), last = moment(state.gallery.last);
  const heading = h("h2", { class: "grow" }, t("when.title"));
  if (first === null || last === null || last <= first) return h("div", {}, heading, h("p", { class: "tiny faint" }, t("when.none")));
  const element = h("div", { class: "time-range" });
  const draw = () => refill(element, content(first, last, heading, draw));
  draw();
  return element;
}

function content(first, last, heading, draw) {
  const from = moment(state.filters.after) ?? first, to = moment(state.filters.before) ?? last;
  const step = (value) => Math.round(((value - first) / (last - first)) * STEPS);
  const at = (value) => first + (Number(value) / STEPS) * (last - first);
  const change = (next) => {
    const low = Math.min(next.from, next.to), high = Math.max(next.from, next.to);
    filter({ after: low <= first ? null : forServer(low), before: high >= last ? null : forServer(high) });
    draw();
  };
  const words = h("p", { class: "range-words figures" });
  const say = (low, high) => refill(words, state.filters.after === null && state.filters.before === null && low <= first && high >= last ? t("when.all") : `${spoken(low)} – ${spoken(high)}`);
  say(from, to);
  const handle = (name, value) => h("input", { type: "range", min: 0, max: STEPS, value: step(value), "aria-label": name, "aria-valuetext": whole(forServer(value)), on: {
    input: () => { say(at(Math.min(low.value, high.value)), at(Math.max(low.value, high.value))); shade(); },
    change: () => change({ from: at(low.value), to: at(high.value) }) } });
  const low = handle(t("when.from"), from), high = handle(t("when.to"), to);
  const hold = h("div", { class: "range" }, density(), low, high);
  const shade = () => {
    hold.style.setProperty("--low", `${100 * Math.min(low.value, high.value) / STEPS}%`);
    hold.style.setProperty("--high", `${100 * Math.max(low.value, high.value) / STEPS}%`);
  };
  shade();
  const limited = state.filters.after !== null || state.filters.before !== null;
  return [h("div", { class: "row" }, heading, limited ? button({ text: t("when.clear"), kind: "quiet little", press: () => { filter({ after: null, before: null }); draw(); } }) : null),
    hold, words, undated(), hasDates() ? h("div", { class: "range-fields" }, field(t("when.from"), from, (value) => change({ from: value, to })), field(t("when.to"), to, (value) => change({ from, to: value })), h("p", { class: "tiny faint" }, t("when.zone", { zone: zoneOf().replace(/^Etc\//, ""), name: zoneName(forServer(from)) }))) : null];
}

/** Which cameras a choice of time leaves out, because their videos count from their start and have no date. */
function undated() {
  const cameras = state.gallery.undated ?? [];
  return cameras.length ? h("p", { class: "tiny faint" }, t("when.undated", { cameras: cameras.join(", ") })) : null;
}

function spoken(milliseconds) {
  const time = forServer(milliseconds);
  return `${day(time).replace(/,? \d{4}$/, "")} ${clock(time, undefined, false)}`.trim();
}

function field(label, value, change) {
  return h("label", { class: "field" }, h("span", {}, label), h("input", { class: "input", type: "datetime-local", step: 1, value: forField(value), on: { change: (event) => event.target.value && change(fromField(event.target.value)) } }));
}

/** Bars behind the handles: how many people were seen in each slice of time, at the chosen cameras. */
function density() {
  const { activity, filters } = state;
  if (!activity) return h("div", { class: "density flat" });
  const rows = Object.entries(activity.cameras).filter(([camera]) => !filters.cameras.length || filters.cameras.includes(camera)).map(([, counts]) => counts);
  const sums = (rows[0] ?? []).map((_, at) => rows.reduce((sum, one) => sum + one[at], 0));
  const most = Math.max(1, ...sums);
  return s("svg", { class: "density", viewBox: `0 0 ${sums.length || 1} 100`, preserveAspectRatio: "none", "aria-hidden": "true" }, sums.map((count, at) => (count ? s("rect", { x: at + 0.1, width: 0.8, y: 100 - 96 * Math.sqrt(count / most), height: 96 * Math.sqrt(count / most) }) : null)));
}
