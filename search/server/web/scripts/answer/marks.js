// Confirming and rejecting. The first mark asks which case it belongs to.
import { button } from "../shared/dom.js";
import { mark } from "../shared/search.js";
import { state } from "../shared/state.js";
import { t } from "../shared/texts.js";
import { chooseCase } from "../cases/choose.js";

export async function markWithCase(sighting, wanted) {
  if (!state.case && !(await chooseCase(t("case.why_mark")))) return;
  await mark(sighting, wanted);
}

/** The two buttons that confirm and reject a sighting; they show the mark that it has. */
export function markButtons(sighting, { large = false } = {}) {
  const now = state.marks.get(sighting);
  const one = (wanted, name, text, kind, key) => button({ icon: name, text: large ? text : null, label: large ? null : text, kind: `${kind} ${large ? "" : "little"}`, "aria-pressed": String(now === wanted), "data-mark": wanted, key: large ? key : null, press: (event) => { event.stopPropagation(); markWithCase(sighting, wanted); } });
  return [one("confirmed", "check", now === "confirmed" ? t("mark.confirmed") : t("mark.confirm"), "yes", "Y"), one("rejected", "reject", now === "rejected" ? t("mark.rejected") : t("mark.reject"), "no", "N")];
}
