// The bell: what I was told about conversations. Live updates say when there is something to look at.
import { ring } from "./offers.js";
import { tellTimes } from "./times.js";
import { toast } from "./toasts.js";

const me = Number(document.body.dataset.agent) || 0;
const bell = () => document.getElementById("bell");
let known = null; // the ids of what was there when the page came
const look = () => htmx.trigger("#refresh-told", "desk:told");

/** Hear a hint of the live updates: true when it is for bells alone. */
export function hearTold(hint) {
  if (me && (hint.told?.includes(me) || hint.queue === undefined)) look();
  return hint.told !== undefined;
}

/** Open the list at what is new, or shut it. */
export function openTold() {
  const menu = bell();
  if (!menu) return;
  if (menu.open) menu.open = false;
  else {
    document.getElementById("desk").dataset.nav = "open"; // on a narrow screen the bell is in there
    menu.open = true;
    (menu.querySelector(".told-line.new a") ?? menu.querySelector("summary")).focus();
  }
}

function say() {
  const lines = [...bell().querySelectorAll(".told-line")];
  const fresh = lines.filter((line) => line.matches(".new") && known && !known.has(line.id));
  known = new Set(lines.map((line) => line.id));
  document.getElementById("desk").dataset.told = bell().querySelector("summary").dataset.new;
  if (!fresh.length) return;
  const link = fresh[0].querySelector("a");
  const text = link.querySelector(".told-text").lastChild.textContent;
  toast(text);
  ring(fresh[0].id, text, link.getAttribute("href"));
}

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== bell()) return;
  tellTimes(bell());
  say();
});
document.body.addEventListener("click", (event) => {
  if (bell()?.open && event.target.closest("#bell a")) bell().open = false;
});
document.body.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.closest("#bell[open]")) return;
  event.preventDefault();
  const stops = [...bell().querySelectorAll("summary, a")];
  stops[(stops.indexOf(event.target.closest("a, summary")) + step + stops.length) % stops.length].focus();
});
