// Times in the reader's own zone and words: how long ago, how long left, when exactly, and counting down.
import { takeAway, within } from "./dom.js";
import { fill, gettext, locale } from "../words.js";

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const dayAndYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const exact = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const appointment = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const WRONG = 5000; // ms; less may be the way of an answer
let ahead = 0; // ms that the server's clock is ahead of this machine's, if one of them is wrong

/** Compare the clocks: what the server lets us do until then must not end with ours. */
export function hearClock(answer) {
  const difference = Date.parse(answer.headers.get("date")) - Date.now();
  if (!Number.isNaN(difference)) ahead = Math.abs(difference) > WRONG ? difference : 0;
}

/** The time, in ms as of Date.now(), by the server's clock. */
export const now = () => Date.now() + ahead;

function span(seconds) {
  if (seconds < HOUR) return fill(gettext("%(count)s min"), { count: Math.max(1, Math.floor(seconds / MINUTE)) });
  if (seconds < 2 * DAY) return fill(gettext("%(count)s h"), { count: Math.floor(seconds / HOUR) });
  return fill(gettext("%(count)s d"), { count: Math.floor(seconds / DAY) });
}

function age(at, today) {
  const seconds = (today - at) / 1000;
  if (seconds < MINUTE) return gettext("now");
  if (seconds < 6 * DAY) return span(seconds);
  return (at.getFullYear() === today.getFullYear() ? day : dayAndYear).format(at);
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Bring all times below `root` up to date. */
export function tellTimes(root = document) {
  const today = new Date(now());
  for (const element of within(root, "time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    if ("clock" in element.dataset) set(element, exact.format(at));
    else element.title = exact.format(at);
    if ("age" in element.dataset) set(element, age(at, today));
    if ("due" in element.dataset) tellDue(element, (at - today) / 1000);
  }
  for (const element of within(root, "[data-own-start]")) tellOwnTime(element);
  countDown(root); // what is announced as it comes has its number at once, and is silent from then on
}

/** A time given as ISO text, `minutes` away from UTC as the calendar has it. */
function moment(iso) {
  const offset = /([+-])(\d\d):(\d\d)(?::\d\d)?$/.exec(iso);
  const minutes = offset ? (offset[1] === "-" ? -1 : 1) * (60 * offset[2] + Number(offset[3])) : 0;
  return { at: new Date(iso), minutes };
}

/** Say an appointment in the reader's zone, where that is another one than the calendar's. */
function tellOwnTime(element) {
  const start = moment(element.dataset.ownStart), end = moment(element.dataset.ownEnd);
  element.hidden = Number.isNaN(start.at.getTime()) || -start.at.getTimezoneOffset() === start.minutes;
  if (element.hidden) return;
  const hasEnd = !Number.isNaN(end.at.getTime()) && end.at > start.at;
  const when = hasEnd ? appointment.formatRange(start.at, end.at) : appointment.format(start.at);
  set(element, fill(gettext("%(when)s in your time"), { when }));
}

function tellDue(element, left) {
  element.classList.toggle("red", left < 0);
  element.classList.toggle("amber", left >= 0 && left < HOUR);
  element.classList.toggle("calm", left >= HOUR);
  const words = left < 0 ? gettext("%(span)s late") : gettext("%(span)s left");
  set(element, fill(words, { span: span(Math.abs(left)) }));
}

function countDown(root) {
  for (const element of within(root, "[data-countdown]")) {
    const left = Math.ceil((new Date(element.dataset.countdown) - now()) / 1000);
    set(element, left > 0 ? fill(gettext("%(count)s s"), { count: left }) : gettext("a moment"));
    if (left > 0) continue;
    delete element.dataset.countdown;
    const reader = document.querySelector("#conversation, #main");
    const over = element.closest(".toast") ?? element.closest(".delivery")?.querySelector("button");
    if (!over) continue;
    over.dispatchEvent(new Event("desk:over", { bubbles: true }));
    takeAway(over, reader);
  }
}

setInterval(() => tellTimes(), 20_000);
setInterval(() => countDown(document), 250);
