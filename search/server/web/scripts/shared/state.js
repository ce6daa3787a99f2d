// What the page knows: who is looked for, where, the answer, and the case that is open. Listeners hear of changes.
import { t } from "./texts.js";

const STORED = "personsearch.search";
const listeners = {};

export const EMPTY_FILTERS = { cameras: [], after: null, before: null, minimum_similarity: null, limit: 60 };

export const state = {
  gallery: null,
  activity: null,
  examples: [],
  others: [],
  filters: { ...EMPTY_FILTERS },
  case: null,
  marks: new Map(),
  learned: "",
  answer: null,
  asking: false,
  failure: null,
  view: "ranking",
  hideRejected: false,
};

export function on(name, listener) {
  (listeners[name] ??= new Set()).add(listener);
  return () => listeners[name].delete(listener);
}

export function tell(name, value) {
  for (const listener of [...(listeners[name] ?? [])]) listener(value);
}

/** Keeps the search over a reload of the page, in this tab alone. */
export function keep() {
  const { examples, others, filters, case: open } = state;
  sessionStorage.setItem(STORED, JSON.stringify({ examples, others, filters, case: open }));
}

export function recall() {
  try {
    Object.assign(state, JSON.parse(sessionStorage.getItem(STORED)) ?? {});
  } catch {
    sessionStorage.removeItem(STORED);
  }
}

export function cameraOf(id) {
  return state.gallery.cameras.find((one) => one.id === id);
}

/** The name of a camera for readers: a bare number becomes "Camera 3". */
export function cameraName(id) {
  const name = cameraOf(id)?.name || id;
  if (name === "unknown") return t("camera.unknown");
  return /^\d+$/.test(name) ? t("camera.numbered", { name }) : name;
}

/** How many photos a search takes; where the server takes no others, `others` is 0 and the page does not offer them. */
export function limits() {
  return { examples: 10, others: 50, upload_bytes: 20 * 2 ** 20, ...state.gallery.limits };
}
