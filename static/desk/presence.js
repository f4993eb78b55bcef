// Whether I am here: a sign of life while the page is seen, and what the server makes of it.
import { ask } from "./session.js";

const HEARTBEAT = 30_000;

/** Give a sign of life; programs and people without a work profile give none. */
export async function beat() {
  if (!document.body.dataset.agent || document.hidden) return;
  try {
    const answer = await ask("/presence/seen", { method: "POST" });
    if (answer.ok) show(...(await answer.text()).split("|"));
  } catch {
    /* no connection: the live updates say so, and the next beat tries again */
  }
}

function show(presence, label) {
  const dot = document.getElementById("presence-dot");
  if (!dot || (dot.classList.contains(presence) && document.getElementById("presence-label").textContent === label)) return;
  dot.className = `dot ${presence}`;
  document.body.dataset.presence = presence;
  document.getElementById("presence-label").textContent = label;
  for (const choice of document.querySelectorAll("#presence button")) choice.setAttribute("aria-pressed", String(choice.value === presence));
}

document.body.addEventListener("desk:presence", (event) => show(event.detail.presence, event.detail.label));

/** Begin. */
export function startPresence() {
  beat();
  setInterval(beat, HEARTBEAT);
}
