// The keys, under "?".
import { h } from "./shared/dom.js";
import { dialogHead, openDialog } from "./shared/dialogs.js";
import { t } from "./shared/texts.js";

export function openHelp() {
  const dialog = openDialog("help", t("help.title"), { keys: { "?": () => dialog.close() } });
  const group = (title, rows) => [h("h3", {}, title), h("dl", { class: "keys" }, rows.map(([text, ...keys]) => [h("dt", {}, text), h("dd", {}, keys.map((one) => h("kbd", {}, one)))]))];
  dialog.append(h("div", { class: "inside" }, dialogHead(dialog, t("help.title"), t("help.lead")), h("div", { class: "help-columns" },
    h("div", {}, group(t("help.everywhere"), [[t("help.this"), "?"], [t("help.upload"), "U"], [t("help.paste"), "Ctrl", "V"], [t("help.to_search"), "G", "S"], [t("help.to_footage"), "G", "F"], [t("help.to_cases"), "G", "C"], [t("help.close"), "Esc"]]),
      group(t("help.in_footage"), [[t("help.frames"), "←", "→"], [t("help.outlines"), "Tab"]])),
    h("div", {}, group(t("help.in_answer"), [[t("help.first"), "R"], [t("help.cards"), "←", "→", "↑", "↓"], [t("help.open"), "Enter"], [t("mark.confirm"), "Y"], [t("mark.reject"), "N"], [t("help.learn"), "L"], [t("help.views"), "1", "2", "3"], [t("help.zoom"), "+", "−", "0"]]),
      group(t("help.in_viewer"), [[t("help.next"), "←", "→"], [t("viewer.search_on"), "S"], [t("viewer.add"), "A"], [t("viewer.clip"), "P"], [t("viewer.frame"), "F"]])))));
}
