// The rota: a cell is saved as it is left; Enter and the arrows go to the same day of another agent.
import { ask } from "../desk/session.js";
import { toast } from "../desk/toasts.js";
import { gettext } from "../words.js";

const lines = document.getElementById("rota-lines");
const isCell = (element) => element?.matches?.(".rota-cell");

let saving = Promise.resolve();

/** One after the other: what is typed into a cell again is a change of what it was saved as. */
const save = (cell) => (saving = saving.catch(() => {}).then(() => store(cell)));

async function store(cell) {
  const { was, day, agent } = cell.dataset, hours = cell.value.trim();
  if (hours === was) return;
  const body = new FormData();
  for (const [name, value] of Object.entries({ day, was, hours })) body.append(name, value);
  const answer = await ask(`/board/shifts/${agent}/cell`, { method: "POST", body }).catch(() => null);
  if (!answer?.ok) {
    cell.setAttribute("aria-invalid", "true");
    return toast(answer ? await answer.text() : gettext("Not saved: the server can't be reached."), { error: true });
  }
  cell.removeAttribute("aria-invalid");
  const table = document.createElement("table");
  table.innerHTML = await answer.text();
  const fresh = table.querySelector(`[data-day="${day}"]`);
  cell.dataset.was = fresh.dataset.was;
  if (cell.value.trim() === hours) cell.value = fresh.dataset.was; // else somebody types in it
  const note = table.querySelector("th small"), old = cell.closest("tr").querySelector("th small");
  old.textContent = note.textContent;
}

function go(cell, by) {
  const next = by > 0 ? cell.closest("tr").nextElementSibling : cell.closest("tr").previousElementSibling;
  const goal = next?.querySelector(`[data-day="${cell.dataset.day}"]`);
  if (goal) { goal.focus(); goal.select(); } else save(cell);
}

lines.addEventListener("focusout", (event) => { if (isCell(event.target)) save(event.target); });
lines.addEventListener("keydown", (event) => {
  if (!isCell(event.target)) return;
  if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); go(event.target, 1); }
  else if (event.key === "ArrowUp") { event.preventDefault(); go(event.target, -1); }
  else if (event.key === "Escape") event.target.value = event.target.dataset.was;
});
