// What the page says in passing: notices at the bottom, and sentences for screen readers alone.
import { h } from "./dom.js";
import { t } from "./texts.js";

/** Shows a notice for some seconds; an error stays longer and is read out at once. */
export function notice(text, { bad = false, action, press } = {}) {
  const place = document.getElementById("toasts");
  // A dialog lies above everything but another popover, so the notices become one.
  if (!place.hasAttribute("popover")) place.setAttribute("popover", "manual");
  if (place.matches(":popover-open")) place.hidePopover();
  const toast = h("div", { class: bad ? "toast bad" : "toast", role: bad ? "alert" : "status" }, h("span", { class: "grow" }, text),
    action ? h("button", { type: "button", on: { click: () => { toast.remove(); press(); } } }, action) : null,
    h("button", { type: "button", "aria-label": t("close"), on: { click: () => toast.remove() } }, "×"));
  place.append(toast);
  while (place.children.length > 3) place.firstChild.remove();
  place.showPopover();
  setTimeout(() => toast.remove(), bad ? 9000 : 5000);
}

/** Shows what went wrong, if somebody should know. */
export function problem(error) {
  if (error.name !== "AbortError" && error.status !== 401) notice(error.message, { bad: true });
}

let turn = false;
/** Lets a screen reader say something. */
export function announce(text) {
  turn = !turn;
  document.getElementById("announce").textContent = turn ? text : `${text}\u00a0`;
}
