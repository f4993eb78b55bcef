// What routing offers: a card with the time that is left, and, by choice, a sound and a note on the desktop.
import { addActs } from "./page.js";
import { tellTimes } from "./times.js";
import { toast } from "./toasts.js";
import { gettext } from "../words.js";

const me = Number(document.body.dataset.agent) || 0;
const cards = document.getElementById("offer-cards");
const known = new Set();
const QUIET = 20_000; // between two words that something could be taken
let saidAt = 0;
let audio = null;

const isOn = (what) => localStorage.getItem(`ucs:${what}`) === "on";
const ask = () => htmx.trigger("#refresh-offers", "desk:offers");

/** Hear a hint of the live updates: mine may be an offer, and what I could take is told where I choose to. */
export function hearOffer(hint) {
  if (!me) return;
  if (hint.agent === me || hint.conversation === undefined || known.has(hint.conversation)) ask();
  if (hint.waits_for?.includes(me)) tellWaiting();
}

function tellWaiting() {
  if (Date.now() - saidAt < QUIET || document.body.dataset.presence !== "available") return;
  saidAt = Date.now();
  toast(gettext("A conversation waits that you could take: press g n to take it."));
  ring("waiting", gettext("A conversation waits that you could take"), "/?view=waiting");
}

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== cards) return;
  tellTimes(cards);
  const shown = [...cards.querySelectorAll("[data-offer]")];
  for (const card of shown) {
    const pk = Number(card.dataset.offer);
    if (known.has(pk)) continue;
    ring(`offer-${pk}`, card.querySelector(".clip > b").textContent, `/conversations/${pk}/`);
  }
  known.clear();
  for (const card of shown) known.add(Number(card.dataset.offer));
});

// A card whose time is over, or that is being opened, goes at once; what became of it the server says.
setInterval(() => {
  for (const card of cards.children) {
    if (!card.querySelector("[data-countdown]")) { // times.js takes the mark off when the time is over
      card.remove();
      ask();
    }
  }
}, 1000);
cards.addEventListener("click", (event) => {
  const card = event.target.closest("[data-accept]")?.closest(".offer");
  if (card) setTimeout(() => card.remove());
});

/* By choice of this browser */

/** A sound and a note, once for all tabs, where this browser's user wants them. */
export function ring(tag, text, url) {
  const rung = `ucs:rung:${tag}`; // several tabs hear the same: one of them rings
  if (Date.now() - Number(localStorage.getItem(rung) ?? 0) < QUIET) return;
  localStorage.setItem(rung, String(Date.now()));
  setTimeout(() => localStorage.removeItem(rung), 3 * QUIET);
  if (isOn("sound")) beep();
  if (isOn("notify") && !document.hasFocus() && Notification.permission === "granted") {
    const note = new Notification("UCS Email", { body: text, tag });
    note.addEventListener("click", () => {
      window.focus();
      location.assign(url);
    });
  }
}

function beep() {
  audio ??= new AudioContext();
  const start = audio.currentTime;
  for (const [tone, at] of [[660, 0], [880, 0.14]]) {
    const source = audio.createOscillator(), volume = audio.createGain();
    source.frequency.value = tone;
    volume.gain.setValueAtTime(0.12, start + at);
    volume.gain.exponentialRampToValueAtTime(0.001, start + at + 0.3);
    source.connect(volume).connect(audio.destination);
    source.start(start + at);
    source.stop(start + at + 0.3);
  }
}

function showChoices() {
  for (const what of ["sound", "notify"]) {
    const button = document.querySelector(`[data-act="${what}"]`);
    if (!button) continue;
    button.setAttribute("aria-pressed", String(isOn(what)));
    button.querySelector("small").textContent = isOn(what) ? gettext("on") : gettext("off");
  }
}

async function turn(what) {
  if (!isOn(what) && what === "notify" && (await Notification.requestPermission()) !== "granted") {
    return toast(gettext("This browser doesn’t allow notes on the desktop: allow them beside its address bar."), { error: true });
  }
  localStorage.setItem(`ucs:${what}`, isOn(what) ? "off" : "on");
  showChoices();
  if (what === "sound" && isOn("sound")) beep();
}
addActs({ sound: () => turn("sound"), notify: () => turn("notify") });

// How many are mine, in the title, as one sees it from another tab.
const mine = () => Number.parseInt(document.querySelector("#view-mine .num")?.textContent ?? 0, 10) || 0;
function count() {
  const bare = document.title.replace(/^\(\d+\) /, "");
  const wanted = mine() ? `(${mine()}) ${bare}` : bare;
  if (document.title !== wanted) document.title = wanted;
}
document.body.addEventListener("htmx:afterSettle", count);
document.body.addEventListener("htmx:afterSwap", () => setTimeout(count));
count();
showChoices();
