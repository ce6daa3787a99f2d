// The scale of similarity: from the least similar sighting shown to the most similar one, so that differences are seen.
import { h, s } from "../shared/dom.js";
import { similarity, t } from "../shared/texts.js";

/** The ends of the scale of one answer. */
export function scaleOf(answer) {
  const values = answer.sightings.map((one) => one.similarity);
  const { match_from: match, possible_from: possible } = answer.verdict;
  const limits = [match, possible].filter((one) => typeof one === "number");
  const low = Math.min(...values, ...limits), high = Math.max(...values, ...limits);
  const room = Math.max(0.004, (high - low) * 0.05);
  return { low: low - room, high: Math.min(1, high + room), match, possible };
}

export function share(scale, value) {
  return Math.min(1, Math.max(0, (value - scale.low) / (scale.high - scale.low)));
}

/** The track on a card: the dot is this sighting, the ticks are where "possible" and "match" begin. */
export function track(scale, one) {
  const at = (value) => `${(100 * share(scale, value)).toFixed(1)}%`;
  return h("div", { class: `track ${one.level ?? ""}`, role: "img", "aria-label": t("scale.value", { value: similarity(one.similarity) }) },
    h("i", { style: { width: at(one.similarity) } }), [scale.possible, scale.match].filter((value) => typeof value === "number").map((value) => h("u", { style: { left: at(value) } })));
}

/** On which side of its line a limit's name stands: outside of what lies between both, unless the edge is near. */
function side(kind, at) {
  if (kind === "possible") return at < 0.2 ? "right" : "left";
  return at > 0.86 ? "left low" : "right";
}

/** Every sighting of the answer as a dot on one scale; equal ones stand on each other. */
export function plot(answer, open) {
  const scale = scaleOf(answer), columns = 84, heap = new Map();
  const dots = [...answer.sightings].reverse().map((one) => {
    const column = Math.round(share(scale, one.similarity) * columns);
    const high = heap.get(column) ?? 0;
    heap.set(column, high + 1);
    return { one, x: (100 * column) / columns, y: Math.min(high, 7) };
  });
  const limit = (value, kind) => (typeof value === "number" ? h("span", { class: `plot-limit ${kind} ${side(kind, share(scale, value))}`, style: { left: `${100 * share(scale, value)}%` } }, h("b", {}, kind === "match" ? t("level.match") : t("level.possible")), h("span", { class: "figures" }, similarity(value))) : null);
  return h("figure", { class: "plot" }, h("figcaption", { class: "unseen" }, t("scale.label", { low: similarity(scale.low), high: similarity(scale.high) })),
    h("div", { class: "plot-area" }, limit(scale.possible, "possible"), limit(scale.match, "match"),
      dots.map(({ one, x, y }) => h("span", { class: `dot ${one.level ?? ""}`, "data-dot": one.sighting, title: `${one.rank}. · ${similarity(one.similarity)}`, style: { left: `${x}%`, bottom: `${y * 7}px` }, on: { click: () => open(one) } }))),
    h("div", { class: "plot-axis tiny faint" }, h("span", {}, t("scale.less")), h("span", {}, t("scale.more"))));
}
