// The bar at the top of every screen.
import { button, h, icon, openMenu, refill } from "./shared/dom.js";
import { on, state } from "./shared/state.js";
import { language, languages, t } from "./shared/texts.js";
import { caseMenu, item } from "./cases/choose.js";
import { jobButton } from "./jobs.js";
import { openHelp } from "./help.js";

export function drawHeader(place, screen, changeLanguage) {
  const link = (to, name, glyph, text) => h("a", { href: `#/${to}`, "aria-current": screen === name ? "page" : null }, icon(glyph), text);
  const openNow = h("span", {});
  const drawCase = () => refill(openNow, h("button", { type: "button", class: state.case ? "button quiet case-button open" : "button quiet case-button", "aria-haspopup": "menu", "aria-label": state.case ? t("header.case_open", { name: state.case.name }) : t("header.case_none"), on: { click: (event) => caseMenu(event.currentTarget) } }, icon("folder"), h("span", { class: "clip" }, state.case?.name ?? t("header.no_case")), icon("down", 14)));
  drawCase();
  refill(place, h("a", { class: "brand", href: "#/", "aria-label": t("header.home") }, icon("mark", 24), h("span", {}, "personsearch")),
    h("nav", { "aria-label": t("header.screens") }, link("", "search", "search", t("header.search")), link("footage", "footage", "film", t("header.footage")), link("cases", "cases", "folder", t("header.cases"))),
    h("div", { class: "ends" }, jobButton(), openNow, settings(changeLanguage), button({ icon: "help", kind: "quiet", label: t("header.help"), press: openHelp })));
  return on("case", drawCase);
}

function settings(changeLanguage) {
  return button({ icon: "system", kind: "quiet", label: t("header.settings"), "aria-haspopup": "menu", press: (event) => {
    const theme = document.documentElement.dataset.theme ?? "system";
    const menu = openMenu(event.currentTarget, h("p", { class: "label" }, t("theme.title")),
      [["system", "system", t("theme.system")], ["light", "sun", t("theme.light")], ["dark", "moon", t("theme.dark")]].map(([name, glyph, text]) => item({ glyph, text, ticked: theme === name, press: () => setTheme(name) })),
      h("hr"), h("p", { class: "label" }, t("language.title")), Object.entries(languages()).map(([code, text]) => item({ text, ticked: language() === code, press: () => changeLanguage(code) })));
    menu.addEventListener("click", () => menu.hidePopover());
  } });
}

/** "light" and "dark" are kept on this machine; "system" follows the system. */
export function setTheme(name) {
  if (name === "system") {
    localStorage.removeItem("personsearch.theme");
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem("personsearch.theme", name);
    document.documentElement.dataset.theme = name;
  }
}
