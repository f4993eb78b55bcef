// Whether I am here: a sign of life while the page is open, and what the server makes of it.
import { ask } from "./session.js";
import { toast } from "./toasts.js";
import { fill, gettext } from "../words.js";

const HEARTBEAT = 30_000;
let choices = 0; // made in this page

/** Give a sign of life, behind another tab too, as much of an answer is looked up elsewhere. */
export async function beat() {
  if (!document.body.dataset.agent) return;
  const before = choices;
  try {
    const answer = await ask("/presence/seen", { method: "POST" });
    const told = answer.ok && (await answer.text()).split("|");
    if (told && before === choices) hear(...told); // else it may be from before what was chosen
  } catch {
    /* no connection: the live updates say so, and the next beat tries again */
  }
}

function hear(presence, label) {
  const was = document.body.dataset.presence;
  show(presence, label);
  if (was === "available" && presence === "away") toast(fill(gettext("You were set to “%(presence)s”: choose “Available” in your menu to get work again."), { presence: label }), { error: true });
}

/** Open the menu at the presences. */
export function openPresence() {
  const menu = document.getElementById("user-menu");
  if (!menu?.querySelector("#presence")) return;
  document.getElementById("desk").dataset.nav = "open"; // on a narrow screen the menu is in there
  menu.open = true;
  menu.querySelector("#presence button").focus();
}

document.getElementById("user-menu")?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll("summary, .menu-panel :is(button, a)")];
  items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
});

function show(presence, label) {
  const dot = document.getElementById("presence-dot");
  if (!dot || (dot.classList.contains(presence) && document.getElementById("presence-label").textContent === label)) return;
  dot.className = `dot ${presence}`;
  document.body.dataset.presence = presence;
  document.getElementById("presence-label").textContent = label;
  const reason = label.split(": ")[1]; // as it is told, in the reader's language
  for (const choice of document.querySelectorAll("#presence button")) choice.setAttribute("aria-pressed", String(reason ? choice.textContent.trim() === reason : choice.value === presence));
}

document.body.addEventListener("desk:presence", (event) => {
  choices += 1;
  show(event.detail.presence, event.detail.label);
  const menu = document.getElementById("user-menu");
  if (!menu?.open) return;
  menu.open = false; // it was chosen there
  menu.querySelector("summary").focus({ preventScroll: true });
});

/** Begin. */
export function startPresence() {
  beat();
  setInterval(beat, HEARTBEAT);
}
