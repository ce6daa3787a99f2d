// The page's only way to the server.
import { said, t } from "./texts.js";

/** An answer that is an error: `message` says in one sentence what is wrong and what to do. */
export class ServerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(`/api/${path}`, { credentials: "same-origin", ...options });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new ServerError(0, t("error.unreachable"));
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && path !== "login") document.dispatchEvent(new CustomEvent("sign-in"));
  throw new ServerError(answer.status, await reason(answer));
}

async function reason(answer) {
  if (answer.status === 401) return t("error.sign_in");
  if (answer.status === 413) return t("error.too_large");
  if (answer.status === 429) return t("error.busy");
  const body = await answer.json().catch(() => null);
  return body?.error ? said(body.code, body.values, body.error) : t("error.other", { status: String(answer.status) });
}

export async function get(path, options) {
  return (await ask(path, options)).json();
}

export async function post(path, body, options = {}) {
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), ...options });
  return answer.status === 204 ? null : answer.json();
}

export async function patch(path, body) {
  return post(path, body, { method: "PATCH" });
}

/** Sends a picture in which people are looked for. */
export async function sendPicture(file) {
  const form = new FormData();
  form.append("picture", file, file.name ?? "picture.png");
  return (await ask("probes", { method: "POST", body: form })).json();
}

/** Asks for a file, and gives it with its name. */
export async function fetchFile(path, body) {
  const answer = await ask(path, body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const name = /filename\*?=(?:UTF-8'')?"?([^";]+)"?/i.exec(answer.headers.get("Content-Disposition") ?? "")?.[1];
  return { blob: await answer.blob(), name: name ? decodeURIComponent(name) : null };
}

/** The hints of an answer, each with its code and the server's sentence. */
export function hintsOf({ hints = [], hint_codes: codes = [] }) {
  return hints.map((text, at) => ({ kind: codes[at], text }));
}

const safe = encodeURIComponent;
export const address = {
  frame: (frame, width) => `/api/frames/${safe(frame)}/picture${width ? `?width=${width}` : ""}`,
  person: (sighting) => `/api/sightings/${safe(sighting)}/picture`,
  probe: (probe) => `/api/probes/${safe(probe)}/picture`,
  caseProbe: (id, probe) => `/api/cases/${safe(id)}/probes/${safe(probe)}`,
  clip: (sighting, seconds) => `/api/sightings/${safe(sighting)}/clip?seconds=${seconds}`,
};

export const frames = (camera, question) => get(`cameras/${safe(camera)}/frames?${new URLSearchParams(question)}`);
export const peopleOf = (frame) => get(`frames/${safe(frame)}/people`);
export const nearby = (sighting, seconds) => get(`sightings/${safe(sighting)}/nearby?seconds=${seconds}`);
export const caseOf = (id) => get(`cases/${safe(id)}`);
