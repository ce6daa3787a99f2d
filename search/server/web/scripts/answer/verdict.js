// What the calibration says about the whole answer, in words that need no statistics.
import { h, icon } from "../shared/dom.js";
import { language, ofHundred, said, similarity, t } from "../shared/texts.js";

const GLYPHS = { match: "check", possible: "help", none: "dash", unknown: "info" };

export function levelOf(verdict) {
  if (verdict.level === "match" || verdict.level === "possible") return verdict.level;
  return verdict.level === null || verdict.level === undefined ? "unknown" : "none";
}

/** The verdict's headline, its meaning, and what was measured behind "How often is this wrong?". */
export function verdictBox(answer) {
  const { verdict } = answer, level = levelOf(verdict);
  return h("section", { class: `verdict ${level}`, "aria-label": t("verdict.label") },
    h("span", { class: "verdict-glyph" }, icon(GLYPHS[level], 24)),
    h("div", { class: "grow" }, h("h2", {}, headline(level)), h("p", {}, answer.withOthers && level === "unknown" ? t("verdict.unknown_others") : meaning(level, verdict)), answer.withOthers && level === "unknown" ? null : behind(level, verdict)));
}

function headline(level) {
  return { match: t("verdict.match"), possible: t("verdict.possible"), none: t("verdict.none"), unknown: t("verdict.unknown") }[level];
}

function meaning(level, verdict) {
  if (level === "unknown") return t("verdict.unknown_means", { why: inWords(verdict.why_code, verdict.why_values, verdict.why || verdict.text || "").replace(/\.$/, "") });
  const rate = level === "match" ? verdict.match_rate : verdict.possible_rate;
  if (level === "none") return known(verdict.present_below_possible) ? t("verdict.none_means", { n: ofHundred(verdict.present_below_possible) }) : t("verdict.none_unmeasured");
  if (!known(rate)) return verdict.text;
  if (verdict.rate_of === "pairs") return language() === "en" ? verdict.text : counted(verdict);
  return level === "match" ? t("verdict.match_means", { n: ofHundred(rate) }) : t("verdict.possible_means", { n: ofHundred(rate) });
}

/** What the server says, in its own words in English, which say most; else in the reader's language. */
function inWords(code, values, words) {
  return language() === "en" ? words : said(code, values, words);
}

function counted(verdict) {
  const shares = { match: ofHundred(verdict.match_rate), possible: ofHundred(verdict.possible_rate) };
  return verdict.rate_of === "pairs" ? t("verdict.rates_pairs", shares) : t("verdict.rates_searches", shares);
}

function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** The measured rates: in English in the server's own words, which say most; else the figures in the reader's language. */
function rates(verdict) {
  if (language() === "en" || !known(verdict.match_rate)) return verdict.rates ? h("p", { lang: "en" }, verdict.rates) : null;
  return [h("p", {}, counted(verdict)), known(verdict.present_below_possible) ? h("p", {}, t("verdict.rates_missed", { n: ofHundred(verdict.present_below_possible) })) : null];
}

function behind(level, verdict) {
  const limits = known(verdict.match_from) ? t("verdict.limits", { match: similarity(verdict.match_from), possible: similarity(verdict.possible_from) }) : null;
  const codes = verdict.doubt_codes ?? [];
  const doubts = (verdict.doubts ?? []).map((one, at) => inWords(codes[at]?.code, codes[at]?.values, one));
  if (level === "unknown" && !verdict.rates) return h("p", { class: "small soft" }, t("verdict.unknown_how"), " ", h("code", {}, "personsearch calibrate --from-gallery GALLERY"));
  return [doubts.map((one) => h("p", { class: "doubt small" }, icon("warning", 16), h("span", {}, t("verdict.doubt", { doubt: one })))),
    h("details", { class: "behind" }, h("summary", {}, t("verdict.how_often")), h("div", { class: "small soft" }, limits ? h("p", {}, limits) : null, rates(verdict), h("p", {}, t("verdict.no_probability"))))];
}
