// Times in the zone of the camera, with the zone's name. A gallery without dates counts seconds from the start.
import { language, locale, t } from "./texts.js";

let zones = {};
let everywhere = "UTC";
let seconds = false;

const EARLIEST_DATE = 1e8; // seconds; what is less counts from the start of a video

/** Learns the zones and whether the gallery has dates, from the description of the gallery. */
export function learnTimes(gallery) {
  seconds = gallery.clock === false;
  everywhere = valid(gallery.time_zone) ? gallery.time_zone : Intl.DateTimeFormat().resolvedOptions().timeZone;
  zones = Object.fromEntries(gallery.cameras.map((one) => [one.id, valid(one.time_zone) ? one.time_zone : everywhere]));
  // Cameras of one zone have one clock, whatever the clock of the server's machine.
  const all = new Set(Object.values(zones));
  if (all.size === 1) [everywhere] = all;
}

function valid(zone) {
  try {
    return Boolean(zone && new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}

export function hasDates() {
  return !seconds;
}

/** Whether a time is a date. Beside videos with dates, a gallery may hold some whose times count from their start. */
export function isDate(time) {
  return !seconds && moment(time) !== null && !(typeof time === "number" && time < EARLIEST_DATE);
}

/** Those of some sightings that one line of time can show: the ones with dates, or all with a time where none has one. */
export function onOneLine(sightings) {
  const dated = sightings.filter((one) => isDate(one.time));
  return dated.length ? dated : sightings.filter((one) => moment(one.time) !== null);
}

/** The zone of a camera; without a camera that of the gallery, or of the reader where the gallery has none. */
export function zoneOf(camera) {
  return zones[camera] ?? everywhere;
}

/** A time of the server, in seconds, as milliseconds; null where there is none. What people did has a text instead. */
export function moment(time) {
  if (time === null || time === undefined) return null;
  return typeof time === "number" ? time * 1000 : Date.parse(time);
}

/** Milliseconds as the server reads them. */
export function forServer(milliseconds) {
  if (milliseconds === null) return null;
  return milliseconds / 1000;
}

function pieces(milliseconds, zone, options) {
  return new Intl.DateTimeFormat(locale(), { timeZone: zone, ...options }).format(milliseconds);
}

function counted(milliseconds) {
  const all = Math.max(0, Math.round(milliseconds / 1000));
  const two = (value) => String(value).padStart(2, "0");
  return `${Math.floor(all / 3600)}:${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
}

/** "17:05:03" */
export function clock(time, camera, precise = true) {
  const at = moment(time);
  if (at === null) return t("time.unknown");
  if (!isDate(time)) return counted(at);
  return pieces(at, zoneOf(camera), { hour: "2-digit", minute: "2-digit", second: precise ? "2-digit" : undefined, hourCycle: "h23" });
}

/** "Wed 23 Oct 2024" */
export function day(time, camera) {
  const at = moment(time);
  if (!isDate(time)) return "";
  return pieces(at, zoneOf(camera), { weekday: "short", day: "numeric", month: "short", year: "numeric" });
}

/** "CEST": the name of the zone at that time. */
export function zoneName(time, camera) {
  const at = moment(time);
  if (!isDate(time)) return "";
  for (const region of [language() === "de" ? "de-DE" : "en-GB", "en-US"]) {
    const parts = new Intl.DateTimeFormat(region, { timeZone: zoneOf(camera), timeZoneName: "short" }).formatToParts(at);
    const name = parts.find((one) => one.type === "timeZoneName")?.value ?? "";
    if (/^[A-Z]{2,5}$/.test(name)) return name;
  }
  return new Intl.DateTimeFormat("en-US", { timeZone: zoneOf(camera), timeZoneName: "shortOffset" }).formatToParts(at).find((one) => one.type === "timeZoneName").value;
}

/** Everything about a time in one line: "Wed 23 Oct 2024, 17:05:03 CEST". */
export function whole(time, camera) {
  if (moment(time) === null) return t("time.unknown");
  if (!isDate(time)) return t("time.from_start", { time: clock(time, camera) });
  return `${day(time, camera)}, ${clock(time, camera)} ${zoneName(time, camera)}`;
}

/** How long something took or lies apart: "3 min 20 s". */
export function lasting(milliseconds) {
  const all = Math.round(Math.abs(milliseconds) / 1000);
  if (all < 60) return t("time.seconds", { n: all });
  if (all < 3600) return t("time.minutes", { m: Math.floor(all / 60), s: all % 60 });
  if (all < 172800) return t("time.hours", { h: Math.floor(all / 3600), m: Math.round((all % 3600) / 60) });
  return t("time.days", { n: Math.round(all / 86400) });
}

/** What a field for date and time shows for a moment: "2026-05-01T08:00:03" on the clock of the gallery's zone. */
export function forField(milliseconds, zone = everywhere) {
  const part = Object.fromEntries(new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).formatToParts(milliseconds).map((one) => [one.type, one.value]));
  return `${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}:${part.second}`;
}

/** The moment that a field means; a clock that is set back meets the earlier of both. */
export function fromField(text, zone = everywhere) {
  if (!text) return null;
  const wanted = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);
  let guess = wanted;
  for (let turn = 0; turn < 3; turn++) guess -= Date.parse(`${forField(guess, zone)}Z`) - wanted;
  return guess;
}

/** The zones of these cameras, each once. */
export function zonesOf(cameras) {
  return [...new Set(cameras.map(zoneOf))];
}
