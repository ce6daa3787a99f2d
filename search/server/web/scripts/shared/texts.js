// The texts of the page, in the language of the reader. texts/en.json and texts/de.json hold the same keys.
const LANGUAGES = { en: "English", de: "Deutsch" };
let texts = {};
let current = "en";

/** The language that was chosen here before, or the browser's, or English. */
export function preferredLanguage() {
  const chosen = localStorage.getItem("personsearch.language");
  if (chosen in LANGUAGES) return chosen;
  return navigator.languages.map((one) => one.slice(0, 2)).find((one) => one in LANGUAGES) ?? "en";
}

export async function loadTexts(code) {
  const answer = await fetch(`/texts/${code}.json`);
  texts = await answer.json();
  current = code;
  document.documentElement.lang = code;
}

export function language() {
  return current;
}

/** The language with the reader's region, which decides how dates are written. */
export function locale() {
  return navigator.languages.find((one) => one.startsWith(`${current}-`)) ?? (current === "en" ? "en-GB" : current);
}

export function languages() {
  return LANGUAGES;
}

/** The text of a key. `{n}` in it is replaced by the value n; with several forms, n chooses the form. */
export function t(key, values = {}) {
  let text = texts[key] ?? key;
  if (typeof text !== "string") text = text[new Intl.PluralRules(current).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name] ?? ""));
}

/** A sentence of the server in the reader's language by its code; the server's own words where there is no such code. */
export function said(code, values, words) {
  const key = `server.${code}`;
  return code && key in texts ? t(key, values) : words;
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(current, { minimumFractionDigits: digits, maximumFractionDigits: Math.max(digits, Number.isInteger(value) ? 0 : 3) }).format(value);
}

/** A similarity as people read it, always with three digits behind the point. */
export function similarity(value) {
  return new Intl.NumberFormat(current, { minimumFractionDigits: 3, maximumFractionDigits: 3 }).format(value);
}

/** A share from 0 to 1 as "7 of 100". */
export function ofHundred(share) {
  const value = 100 * share;
  return new Intl.NumberFormat(current, { maximumFractionDigits: value < 1 ? 2 : value < 10 ? 1 : 0 }).format(value);
}
