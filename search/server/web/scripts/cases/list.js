// All cases.
import { get } from "../shared/api.js";
import { button, h, icon, refill } from "../shared/dom.js";
import { state } from "../shared/state.js";
import { t } from "../shared/texts.js";
import { moment } from "../shared/times.js";
import { chooseCase } from "./choose.js";
import { spoken } from "./case_page.js";

export function casesScreen() {
  const list = h("div", { class: "case-list" }, Array.from({ length: 3 }, () => h("div", { class: "panel bone case-bone" })));
  const begin = async () => {
    state.case = null;
    if (await chooseCase(t("case.why_new"))) location.hash = `#/cases/${encodeURIComponent(state.case.case)}`;
  };
  const element = h("div", { class: "page" }, h("div", { class: "page-head" }, h("div", { class: "grow" }, h("h1", {}, t("cases.title")), h("p", { class: "soft" }, t("cases.lead"))), button({ icon: "plus", text: t("case.new"), kind: "primary", press: begin })), list);
  const show = () => get("cases").then(({ cases }) => refill(list, cases.length ? [...cases].sort((one, other) => moment(other.changed ?? other.created) - moment(one.changed ?? one.created)).map(entry) : empty(begin)),
    (error) => refill(list, h("div", { class: "empty panel" }, h("h3", {}, t("cases.failed")), h("p", {}, error.message), button({ text: t("again"), press: show }))));
  show();
  return { element };
}

function entry(one) {
  return h("a", { class: "panel case-entry", href: `#/cases/${encodeURIComponent(one.case)}` }, h("span", { class: "case-glyph" }, icon("folder", 22)),
    h("span", { class: "grow" }, h("b", { class: "clip" }, one.name), h("span", { class: "small soft" }, t("cases.changed", { when: spoken(one.changed ?? one.created) }))),
    h("span", { class: "case-counts small" }, h("span", { class: "chip confirmed" }, icon("check", 14), t("cases.confirmed", { n: one.confirmed })), h("span", { class: "chip" }, t("cases.searches", { n: one.searches })), h("span", { class: "chip" }, t("cases.notes", { n: one.notes }))), icon("right", 16));
}

function empty(begin) {
  return h("div", { class: "empty panel" }, h("span", { class: "glyph" }, icon("folder", 24)), h("h2", {}, t("cases.none")), h("p", {}, t("cases.none_how")), h("div", { class: "actions" }, h("a", { class: "button primary", href: "#/" }, t("cases.to_search")), button({ text: t("case.new"), press: begin })));
}
