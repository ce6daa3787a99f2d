// Where marks are kept: an open case, another one, or a new one.
import { get } from "../shared/api.js";
import { button, h, icon, openMenu, refill } from "../shared/dom.js";
import { dialogHead, openDialog } from "../shared/dialogs.js";
import { problem } from "../shared/notices.js";
import { makeCase, openCase, openCaseHere } from "../shared/search.js";
import { state } from "../shared/state.js";
import { locale, t } from "../shared/texts.js";

/** Asks for a case, with a name ready, so that Enter is enough. Gives false where the reader changed their mind. */
export function chooseCase(why) {
  return new Promise((resolve) => {
    const dialog = openDialog("plain", t("case.choose"), { closed: () => resolve(Boolean(state.case)) });
    const when = new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(Date.now());
    const name = h("input", { class: "input", required: true, maxlength: 120, autocomplete: "off", value: t("case.ready_name", { when }) });
    const known = h("div", { class: "case-choices" });
    const finish = (work) => work.then(() => dialog.close(), problem);
    dialog.append(h("form", { on: { submit: (event) => { event.preventDefault(); finish(makeCase(name.value.trim())); } } }, dialogHead(dialog, t("case.choose"), why),
      h("label", { class: "field" }, h("span", {}, t("case.new_name")), name), h("div", { class: "ends" }, button({ text: t("cancel"), press: () => dialog.close() }), h("button", { type: "submit", class: "button primary" }, t("case.begin"))), known));
    name.focus();
    name.select();
    get("cases").then(({ cases }) => {
      if (cases.length) refill(known, h("p", { class: "small soft" }, t("case.or_known")), cases.map((one) => h("button", { type: "button", class: "item", on: { click: () => finish(openCaseHere(one.case)) } }, icon("folder"), h("span", { class: "clip grow" }, one.name), h("span", { class: "tiny faint" }, t("cases.confirmed", { n: one.confirmed })))));
    }, () => {});
  });
}

/** The menu of the header: which case is open, and the others. */
export async function caseMenu(anchor) {
  let cases;
  try {
    ({ cases } = await get("cases"));
  } catch (error) {
    problem(error);
    return;
  }
  const menu = openMenu(anchor, cases.length ? h("p", { class: "label" }, t("case.keep_in")) : null,
    cases.map((one) => item({ glyph: "folder", text: one.name, ticked: state.case?.case === one.case, press: () => openCaseHere(one.case).catch(problem) })),
    state.case ? item({ glyph: "close", text: t("case.leave"), press: () => openCase(null) }) : null, cases.length ? h("hr") : null,
    item({ glyph: "plus", text: t("case.new"), press: () => { const { case: before } = state; state.case = null; chooseCase(t("case.why_new")).then((made) => { if (!made) state.case = before; }); } }),
    state.case ? item({ glyph: "right", text: t("case.go"), press: () => { location.hash = `#/cases/${encodeURIComponent(state.case.case)}`; } }) : item({ glyph: "right", text: t("case.all"), press: () => { location.hash = "#/cases"; } }));
  menu.addEventListener("click", () => menu.hidePopover());
}

export function item({ glyph, text, ticked, press }) {
  return h("button", { type: "button", class: "item", on: { click: press } }, glyph ? icon(glyph) : null, h("span", { class: "clip" }, text), ticked ? h("span", { class: "tick" }, icon("check", 16), h("span", { class: "unseen" }, t("chosen"))) : null);
}
