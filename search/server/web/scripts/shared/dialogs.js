// Dialogs: the browser keeps the focus inside, Escape closes, and the focus goes back to where it was.
import { button, h } from "./dom.js";
import { listenToKeys } from "./keys.js";
import { t } from "./texts.js";

/** Opens a dialog and gives it; `keys` work only while it is open, and no key reaches what lies under it. */
export function openDialog(kind, label, { keys = {}, closed } = {}) {
  const from = document.activeElement;
  const dialog = h("dialog", { class: kind, "aria-label": label });
  const silence = listenToKeys({ ...keys, get alone() { return dialog.open; } });
  dialog.addEventListener("close", () => {
    silence();
    dialog.remove();
    if (from?.isConnected) from.focus();
    closed?.();
  });
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export function dialogHead(dialog, title, text) {
  return h("div", { class: "head" }, h("div", {}, h("h2", {}, title), text ? h("p", { class: "soft" }, text) : null),
    button({ icon: "close", kind: "quiet", label: t("close"), press: () => dialog.close() }));
}

/** Asks for one line of text; gives null where the reader changed their mind. */
export function askForText({ title, text, label, value = "", submit }) {
  return new Promise((resolve) => {
    let given = null;
    const dialog = openDialog("plain", title, { closed: () => resolve(given) });
    const input = h("input", { class: "input", name: "text", required: true, maxlength: 200, autocomplete: "off", value });
    dialog.append(h("form", { method: "dialog", on: { submit: () => { given = input.value.trim() || null; } } },
      dialogHead(dialog, title, text), h("label", { class: "field" }, h("span", {}, label), input),
      h("div", { class: "ends" }, button({ text: t("cancel"), press: () => dialog.close() }), h("button", { class: "button primary", type: "submit" }, submit))));
    input.focus();
    input.select();
  });
}
