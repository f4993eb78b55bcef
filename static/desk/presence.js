// Whether I am here: a sign of life while the page is open, and what the server makes of it.
import { ask, user } from "./session.js";
import { toast } from "./toasts.js";
import { fill, gettext } from "../words.js";

const HEARTBEAT = 30_000;
const PATIENCE = 20_000; // with a server that takes a sign of life and says nothing
const tabs = new BroadcastChannel(`ucs:presence:${user}`);
let choices = 0; // made in this browser
let choosing = 0; // choices on their way: what is heard meanwhile may tell of them
let isAsking = false;

/** Give a sign of life, behind another tab too, as much of an answer is looked up elsewhere. */
export async function beat() {
  if (!document.body.dataset.agent || isAsking) return; // who is signed out for hours must not pile them up
  isAsking = true;
  const before = choices;
  try {
    const answer = await ask("/presence/seen", { method: "POST", signal: AbortSignal.timeout(PATIENCE) });
    const told = answer.ok && (await answer.text()).split("|");
    if (told && before === choices && !choosing) hear(...told); // else it may be from before what was chosen
  } catch {
    /* no connection: the live updates say so, and the next beat tries again */
  } finally {
    isAsking = false;
  }
}

function hear(presence, label) {
  const was = document.body.dataset.presence;
  show(presence, label);
  if (was === "available" && presence !== was) toast(fill(gettext("You were set to “%(presence)s”: choose “Available” in your menu to get work again."), { presence: label }), { error: true });
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

function take({ presence, label }) {
  choices += 1;
  show(presence, label);
}

for (const [name, step] of [["htmx:beforeRequest", 1], ["htmx:afterRequest", -1]]) {
  document.body.addEventListener(name, ({ detail }) => detail.requestConfig.elt.closest("#presence") && (choosing += step));
}

// Chosen in another tab: this one has nothing to tell of it.
tabs.addEventListener("message", ({ data }) => take(data));
document.body.addEventListener("desk:presence", ({ detail: { presence, label } }) => {
  take({ presence, label });
  tabs.postMessage({ presence, label });
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
