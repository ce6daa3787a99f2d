// Where the server asks for a token: it is sent once, and the server answers with a cookie.
import { post } from "./shared/api.js";
import { h, icon, refill } from "./shared/dom.js";
import { t } from "./shared/texts.js";

export function signInScreen(place, done) {
  const field = h("input", { class: "input", type: "password", required: true, autocomplete: "current-password", placeholder: t("sign_in.token"), "aria-label": t("sign_in.token") });
  const name = h("input", { class: "input", autocomplete: "name", maxlength: 80, placeholder: t("sign_in.name"), "aria-label": t("sign_in.name") });
  const wrong = h("p", { class: "small bad-text", role: "alert" });
  const form = h("form", { class: "panel sign-in", on: { submit: async (event) => {
    event.preventDefault();
    try {
      await post("login", { token: field.value.trim(), name: name.value.trim() });
      done();
    } catch (error) {
      refill(wrong, error.status === 401 || error.status === 403 ? t("sign_in.wrong") : error.message);
      field.select();
    }
  } } }, h("span", { class: "case-glyph" }, icon("key", 24)), h("h2", {}, t("sign_in.title")), h("p", { class: "soft" }, t("sign_in.how")), field, name, h("p", { class: "tiny faint" }, t("sign_in.name_why")), wrong, h("button", { type: "submit", class: "button primary large" }, t("sign_in.do")));
  refill(place, h("div", { class: "boot" }, form));
  field.focus();
}
