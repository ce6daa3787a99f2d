// The page: which screen is shown, and what works on every screen.
import { h, refill, button, icon } from "./shared/dom.js";
import { listenToKeys } from "./shared/keys.js";
import { ask, loadGallery, openCase } from "./shared/search.js";
import { on, recall, state } from "./shared/state.js";
import { loadTexts, preferredLanguage, t } from "./shared/texts.js";
import { learnTimes } from "./shared/times.js";
import { answerScreen } from "./answer/answer.js";
import { casePage } from "./cases/case_page.js";
import { casesScreen } from "./cases/list.js";
import { footageScreen } from "./person/footage.js";
import { startScreen } from "./person/start.js";
import { chooseFiles, listenToPhotos } from "./person/upload.js";
import { drawHeader } from "./header.js";
import { openHelp } from "./help.js";
import { watchJobs } from "./jobs.js";
import { signInScreen } from "./sign_in.js";

const main = document.getElementById("main");
const top = document.getElementById("top");
let leave = () => {};
let shown = "";

function screenOf(hash) {
  const [path, question] = hash.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  if (name === "footage") return { name, open: () => footageScreen(new URLSearchParams(question)) };
  if (name === "cases") return id ? { name, open: () => casePage(decodeURIComponent(id)) } : { name, open: casesScreen };
  return { name: "search", open: () => (state.examples.length ? answerScreen() : { element: startScreen() }) };
}

function show() {
  leave();
  const { name, open } = screenOf(location.hash);
  const offHeader = drawHeader(top, name, changeLanguage);
  const screen = open();
  const silence = listenToKeys(screen.keys ?? {});
  leave = () => { offHeader(); silence(); screen.leave?.(); };
  refill(main, screen.element);
  document.title = { search: t("title.search"), footage: t("title.footage"), cases: t("title.cases") }[name];
  document.getElementById("skip").textContent = t("header.skip");
  const kind = `${name}${location.hash.split("?")[0]}`;
  if (shown && kind !== shown) {
    scrollTo(0, 0);
    if (document.activeElement === document.body || !document.activeElement?.isConnected) main.focus({ preventScroll: true });
  }
  shown = kind;
}

async function changeLanguage(code) {
  localStorage.setItem("personsearch.language", code);
  await loadTexts(code);
  show();
}

const go = (to) => () => { location.hash = to; };

async function begin() {
  try {
    await loadGallery();
  } catch (error) {
    if (error.status === 401) return;
    refill(main, h("div", { class: "boot" }, h("div", { class: "empty" }, h("span", { class: "glyph" }, icon("warning", 24)), h("h2", {}, t("error.title")), h("p", {}, error.message), button({ icon: "again", text: t("again"), kind: "primary", press: () => location.reload() }))));
    return;
  }
  learnTimes(state.gallery);
  if (state.case) await openCase(state.case.case).catch(() => openCase(null));
  show();
  if (state.examples.length) ask();
  watchJobs();
}

async function boot() {
  recall();
  await loadTexts(preferredLanguage());
  document.addEventListener("sign-in", () => signInScreen(main, () => location.reload()));
  listenToPhotos();
  addEventListener("hashchange", show);
  let had = state.examples.length > 0;
  on("search", () => {
    const has = state.examples.length > 0;
    if (has !== had && screenOf(location.hash).name === "search") show();
    had = has;
  });
  listenToKeys({ "?": openHelp, u: () => chooseFiles(), "g s": go("#/"), "g f": go("#/footage"), "g c": go("#/cases") });
  await begin();
}

boot();
