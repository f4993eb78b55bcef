// Pages for supervisors: what all of them share. What a page does beyond that is a module of its own.
import { areKeysOn } from "../desk/alone.js";
import "../desk/announce.js";
import "../desk/patch.js";
import "../desk/dialogs.js";
import { aimOf } from "../desk/dom.js";
import { startPage } from "../desk/page.js";
import { startLive } from "../desk/live.js";
import { openPalette } from "../desk/palette.js";
import { takeFirst, wait } from "../desk/pairs.js";
import { remember } from "../desk/patch.js";
import { hearOffer } from "../desk/offers.js";
import { openPresence, startPresence } from "../desk/presence.js";
import "../desk/session.js";
import { tellTimes } from "../desk/times.js";
import { hearTold, openTold } from "../desk/told.js";

const keys = new Map();
export const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]");

/** Let a key do something while nobody types: "x" → act(event). */
export function onKey(key, act) {
  keys.set(key, act);
}

/* Live: every page hears its bell and what is offered. */

const hearers = [];

/** Let a page hear more: `act(hint)` for every hint that is not for bells or open conversations alone. */
export function onHint(act) {
  hearers.push(act);
}

function hear(hint) {
  if (hearTold(hint) || hint.watched) return;
  if (!hint.presence) hearOffer(hint);
  for (const act of hearers) act(hint);
}

/* Keys */

function leave(event) {
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (isTyping(event.target)) event.target.blur();
  delete document.getElementById("desk").dataset.nav;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return takeFirst() || leave(event);
  if (event.key === "k" && (event.ctrlKey || event.metaKey) && !event.target.closest?.("[contenteditable], dialog[open]")) {
    event.preventDefault();
    return openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(aimOf(event)) || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]") || (event.key.length === 1 && !areKeysOn())) return;
  const isSecond = takeFirst() === "g", next = document.getElementById("take-next");
  const goal = isSecond && document.querySelector(`#page-keys [data-go="${CSS.escape(event.key)}"]`);
  if (goal) return location.assign(goal.dataset.url);
  if (isSecond && event.key === "n" && next) return next.click();
  if (event.key === "g") wait("g", () => [...document.querySelectorAll("#page-keys i")].map((each) => [each.dataset.go, each.textContent]).concat(next ? [["n", next.textContent]] : []));
  else if (event.key === "?") document.getElementById("keys").showModal();
  else if (keys.has(event.key)) {
    event.preventDefault();
    keys.get(event.key)(event);
  }
});

// What was taken is opened at the desk.
document.body.addEventListener("htmx:beforeOnLoad", (event) => {
  const { elt, xhr } = event.detail;
  if (elt.id !== "take-next" || xhr.status !== 200) return;
  event.preventDefault();
  elt.disabled = true; // one is enough, while its page comes
  location.assign(xhr.getResponseHeader("HX-Push-Url"));
});

onKey("p", openPresence);
onKey("i", openTold);
onKey("y", () => document.querySelector("#offer-cards [data-accept]")?.click());
document.body.addEventListener("htmx:load", (event) => tellTimes(event.target));
remember(document.body);
startPage();
startPresence();
addEventListener("DOMContentLoaded", () => startLive(hear)); // the page's own module has run by then
