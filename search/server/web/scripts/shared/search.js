// What changes a search: its photos, its filters, the marks in the case; each change asks the server again.
import { caseOf, get, hintsOf, patch, post } from "./api.js";
import { announce, notice, problem } from "./notices.js";
import { EMPTY_FILTERS, keep, limits, state, tell } from "./state.js";
import { t } from "./texts.js";

const same = (one, other) => one.sighting === other.sighting && one.probe === other.probe && one.frame === other.frame && String(one.box) === String(other.box);
/** An example as the server takes it: a sighting, a person or a box of a photo, or a box in a frame. */
function forServer({ sighting, probe, person, frame, box }) {
  if (sighting) return { sighting };
  if (frame) return { frame, box };
  return person === null || person === undefined ? { probe, box } : { probe, person };
}

const MOST_LEARNED = 20; // confirmed sightings that the server takes beside the photos
let running = null;
let soon = null;

/** Adds a photo of the person, or of somebody else; gives false where there is no room. */
export function add(example, list = "examples") {
  const other = list === "examples" ? "others" : "examples";
  state[other] = state[other].filter((one) => !same(one, example));
  if (state[list].some((one) => same(one, example))) return true;
  if (state[list].filter((one) => !one.learned).length >= limits()[list]) {
    notice(t("person.full", { n: limits()[list] }), { bad: true });
    return false;
  }
  state[list] = [...state[list], example];
  changed();
  return true;
}

export function remove(example, list) {
  state[list] = state[list].filter((one) => !same(one, example));
  changed();
}

/** Begins a new search with these photos. */
export function startWith(examples) {
  Object.assign(state, { examples, others: [], learned: "", answer: null, view: "ranking" });
  changed();
}

export function filter(filters) {
  Object.assign(state.filters, filters);
  changed();
}

export function startAnew() {
  Object.assign(state, { examples: [], others: [], filters: { ...EMPTY_FILTERS }, answer: null, failure: null, learned: "" });
  running?.abort();
  changed();
}

function changed() {
  keep();
  tell("search");
  clearTimeout(soon);
  if (state.examples.length) soon = setTimeout(ask, 180);
}

/** Asks the server; an older question that is still on its way is dropped. */
export async function ask() {
  running?.abort();
  const own = (running = new AbortController());
  Object.assign(state, { asking: true, failure: null });
  tell("answer");
  try {
    const answer = await askServer(own.signal);
    for (const one of answer.sightings) if (one.mark) state.marks.set(one.sighting, one.mark);
    Object.assign(state, { answer, asking: false });
    announce(t("answer.spoken", { n: answer.sightings.length }));
  } catch (error) {
    if (error.name === "AbortError") return;
    Object.assign(state, { asking: false, failure: error });
    if (error.status === 404) forgetPhotos();
  }
  tell("answer");
}

function askServer(signal) {
  return post("searches", { examples: state.examples.map(forServer), others: state.others.map(forServer), filters: state.filters, case: state.case?.case ?? null }, { signal }).then(readAnswer);
}

/** The server's answer in the form that the page shows: figures beside the words, hints with their codes. */
function readAnswer(answer) {
  const { verdict, searched } = answer;
  return { ...answer, withOthers: state.others.length > 0, hints: hintsOf(answer), verdict: { ...verdict.figures, ...verdict }, searched: { ...searched, cameras: Array.isArray(searched.cameras) ? searched.cameras.length : searched.cameras } };
}

/** Photos live on the server for a while only: where it knows them no more, they leave the search. */
function forgetPhotos() {
  state.examples = state.examples.filter((one) => !one.probe);
  state.others = state.others.filter((one) => !one.probe);
  keep();
  tell("search");
}

export async function openCase(id) {
  if (!id) Object.assign(state, { case: null, marks: new Map() });
  else {
    const whole = await caseOf(id);
    Object.assign(state, { case: { case: id, name: whole.name }, marks: new Map(whole.marks.filter((one) => one.mark).map((one) => [one.sighting, one.mark])) });
  }
  keep();
  tell("case");
  tell("marks");
}

/** Opens a case while an answer is shown; its search is sent once more, so that the case keeps it. */
export async function openCaseHere(id) {
  await openCase(id);
  if (state.answer && state.examples.length) askServer().catch(problem);
}

export async function makeCase(name) {
  const made = await post("cases", { name });
  await openCaseHere(made.case);
  return made;
}

export async function renameCase(id, name) {
  await patch(`cases/${encodeURIComponent(id)}`, { name });
  await openCase(id);
}

/** Confirms or rejects a sighting in the open case; the same mark again takes it back. */
export async function mark(sighting, wanted) {
  const before = state.marks.get(sighting) ?? null;
  const next = before === wanted ? null : wanted;
  set(sighting, next);
  try {
    await post(`cases/${state.case.case}/marks`, { sighting, mark: next });
    announce({ confirmed: t("mark.said_confirmed"), rejected: t("mark.said_rejected") }[next] ?? t("mark.said_none"));
  } catch (error) {
    set(sighting, before);
    problem(error);
  }
}

function set(sighting, value) {
  if (value) state.marks.set(sighting, value);
  else state.marks.delete(sighting);
  tell("marks", sighting);
}

/** The marks that the shown answer has not learned from yet. */
export function newMarks() {
  const used = new Set([...state.examples, ...state.others].map((one) => one.sighting));
  return [...state.marks].filter(([sighting, value]) => !used.has(sighting) && (value === "confirmed" || limits().others > 0));
}

/** Searches again with the confirmed sightings as further photos and the rejected ones as others. */
export function learn() {
  const room = { examples: MOST_LEARNED, others: limits().others };
  for (const [sighting, value] of newMarks().reverse()) {
    const list = value === "confirmed" ? "examples" : "others";
    if (state[list].filter((one) => one.learned).length < room[list]) state[list] = [...state[list], { sighting, learned: true }];
  }
  changed();
}

export async function loadGallery() {
  state.gallery = await get("gallery");
  state.activity = await get("activity?buckets=120").catch(() => null);
}
