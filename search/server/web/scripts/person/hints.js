// Hints about a photo, as the server or the page found them.
import { h, icon } from "../shared/dom.js";
import { t } from "../shared/texts.js";

/** The hint in the reader's language where its kind is known, else in the server's words. */
export function hintText(hint) {
  if (typeof hint === "string") return hint;
  if (hint.own) return hint.text;
  const known = { small: t("hint.small_short"), too_small: t("hint.small_short"), cut_off: t("hint.cut_off"), blurred: t("hint.blurred"), several: t("hint.several"), nobody: t("hint.nobody"), own_frame: t("hint.own_frame") };
  return known[hint.kind] ?? hint.text;
}

export function hintBox(hint, plain = false) {
  return h("p", { class: plain ? "hint plain" : "hint" }, icon(plain ? "info" : "warning"), h("span", {}, hintText(hint)));
}

export function hintBoxes(hints) {
  return h("div", { class: "hints", role: "status" }, (hints ?? []).map((one) => hintBox(one)));
}
