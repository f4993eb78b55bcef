// Skills and languages: a grid of levels, walked by arrows, set by digits, saved at once, undone by u.
import { throttled } from "../desk/live.js";
import { ask } from "../desk/session.js";
import { toast } from "../desk/toasts.js";
import { addActs } from "../desk/page.js";
import { onHint, onKey } from "./main.js";
import { fill, gettext, ngettext } from "../words.js";

const REFRESH = 1200;
const TOP = 5;
const matrix = document.getElementById("matrix");
const picker = document.getElementById("picker");
const bulk = document.getElementById("bulk");
const undoButton = document.getElementById("undo");
const done = []; // what can be undone: lists of changes
let saving = 0;

/* Cells */

const cells = () => [...matrix.querySelectorAll("[role=gridcell]")];
const isCell = (element) => element?.matches?.("[role=gridcell]");
const columns = () => [...matrix.querySelectorAll("thead th[data-name]")];
const columnOf = (cell) => columns()[cell.cellIndex - 1];
const HAS = TOP + 1; // of what one has or hasn't
const MARKS = { "✓": HAS, "–": 0 };
const isFirm = (cell) => "firm" in columnOf(cell).dataset;
const levelOf = (cell) => MARKS[cell.textContent] ?? Number(cell.textContent);
const wordsOf = (level, firm) => (firm ? (level ? "✓" : "–") : String(level));
let here = null; // the id of the cell where the keyboard is

function rove(cell) {
  const before = here && document.getElementById(here);
  if (before) before.tabIndex = -1;
  (cell ?? cells()[0])?.setAttribute("tabindex", "0");
  here = cell?.id ?? cells()[0]?.id ?? null;
}

matrix.addEventListener("focusin", (event) => {
  if (isCell(event.target)) rove(event.target);
});

function go(cell) {
  if (!isCell(cell)) return;
  cell.focus({ preventScroll: true });
  cell.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const beside = {
  ArrowLeft: (cell) => cell.previousElementSibling,
  ArrowRight: (cell) => cell.nextElementSibling,
  ArrowUp: (cell) => cell.parentElement.previousElementSibling?.cells[cell.cellIndex],
  ArrowDown: (cell) => cell.parentElement.nextElementSibling?.cells[cell.cellIndex],
  Home: (cell) => cell.parentElement.cells[1],
  End: (cell) => cell.parentElement.lastElementChild,
};

matrix.addEventListener("keydown", (event) => {
  const cell = event.target;
  if (!isCell(cell) || event.ctrlKey || event.metaKey || event.altKey) return;
  const wanted = /^[0-5]$/.test(event.key) ? Number(event.key)
    : event.key === "+" ? Math.min(levelOf(cell) + 1, TOP)
    : event.key === "-" ? (isFirm(cell) ? 0 : Math.max(levelOf(cell) - 1, 0))
    : ["Delete", "Backspace"].includes(event.key) ? 0 : null;
  if (beside[event.key]) go(beside[event.key](cell));
  else if (wanted !== null) set([cell], wanted);
  else if (event.key === "Enter" || event.key === " ") showPicker(cell);
  else if (event.key === "x") choose(cell);
  else return;
  event.preventDefault();
});

/* Saving */

function show(cell, level) {
  cell.textContent = wordsOf(level, isFirm(cell));
  cell.className = `lv${level}`;
}

function changeOf(cell, wanted) {
  const { kind, name } = columnOf(cell).dataset;
  const level = isFirm(cell) && wanted ? HAS : wanted;
  return { agent: Number(cell.parentElement.dataset.agent), kind, name, level, was: levelOf(cell) };
}

function cellOf({ agent, kind, name }) {
  const at = columns().findIndex((each) => each.dataset.kind === kind && each.dataset.name === name);
  return at < 0 ? null : document.getElementById(`person-${agent}`)?.cells[at + 1];
}

function set(chosen, level) {
  const changes = chosen.map((cell) => changeOf(cell, level)).filter((each) => each.was !== each.level);
  if (changes.length) save(changes);
}

const inTurn = { last: Promise.resolve() }; // one after the other, so that the second knows what the first has left

function save(changes, { isUndo = false } = {}) {
  for (const change of changes) {
    const cell = cellOf(change);
    if (cell) show(cell, change.level);
  }
  saving += 1;
  inTurn.last = inTurn.last.then(() => send(changes, isUndo)).finally(() => {
    saving -= 1;
    refreshSoon();
  });
}

async function send(changes, isUndo) {
  let answer;
  try {
    const body = JSON.stringify({ changes });
    answer = await ask("/board/skills/change", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  } catch {
    return failed(changes, gettext("The server can’t be reached: nothing was saved."));
  }
  if (!answer.ok) return failed(changes, answer.status === 409 ? await answer.text() : gettext("This couldn’t be saved: load the page again."));
  const { outcomes } = await answer.json();
  for (const each of outcomes) {
    const cell = cellOf(each);
    if (cell && !each.done) show(cell, each.level);
  }
  for (const sentence of new Set(outcomes.filter((each) => !each.done).map((each) => each.sentence))) toast(sentence, { error: true });
  const kept = outcomes.filter((each) => each.done && each.level !== each.was);
  if (!isUndo && kept.length) remember(kept);
  tell(kept, isUndo);
}

function failed(changes, sentence) {
  for (const change of changes) {
    const cell = cellOf(change);
    if (cell) show(cell, change.was);
  }
  toast(sentence, { error: true });
}

function remember(kept) {
  done.push(kept.map(({ agent, kind, name, level, was }) => ({ agent, kind, name, level: was, was: level })));
  undoButton.disabled = false;
}

function tell(kept, isUndo) {
  if (!kept.length) return;
  const [first] = kept;
  const who = document.getElementById(`person-${first.agent}`)?.querySelector("label").textContent.trim();
  const count = kept.length;
  const what = count > 1 ? fill(ngettext("%(count)s level", "%(count)s levels", count), { count }) : `${who}: ${first.name} ${wordsOf(first.level, first.level === HAS)}`;
  const words = fill(isUndo ? gettext("Undone: %(what)s") : gettext("Saved: %(what)s"), { what });
  document.getElementById("news").textContent = words;
  if (count > 1) toast(`${words}.`);
}

async function undo() {
  await inTurn.last; // what is still on its way is the last change, too
  const changes = done.pop();
  undoButton.disabled = !done.length;
  if (!changes) return;
  save(changes, { isUndo: true });
  go(cellOf(changes[0]));
}
onKey("u", undo);
onKey("/", () => document.getElementById("scope-q").focus());
document.addEventListener("keydown", (event) => {
  if (event.key === "z" && (event.ctrlKey || event.metaKey) && !event.target.closest("input, select")) {
    event.preventDefault();
    undo();
  }
});

/* Up to date */

const refresh = throttled(() => {
  if (saving || !picker.hidden) refreshSoon();
  else htmx.trigger("#refresh", "matrix:refresh");
}, REFRESH);
let soon = 0;
function refreshSoon() {
  clearTimeout(soon);
  soon = setTimeout(refresh, REFRESH);
}
document.body.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id === "refresh") detail.parameters.people = String(matrix.querySelectorAll("#agent-rows tr").length);
});
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target === matrix && saving) detail.shouldSwap = false; // older than what is on its way
});
document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== matrix) return;
  rove(isCell(document.activeElement) ? document.activeElement : here && document.getElementById(here));
  keepChosen();
  showBulk();
});

/* By mouse: the levels stand below the cell */

function showPicker(cell) {
  const place = cell.getBoundingClientRect();
  picker.hidden = false;
  const width = picker.offsetWidth;
  picker.style.left = `${Math.max(8, Math.min(place.left + place.width / 2 - width / 2, innerWidth - width - 8))}px`;
  picker.style.top = `${Math.min(place.bottom + 4, innerHeight - picker.offsetHeight - 8)}px`;
  picker.dataset.cell = cell.id;
  picker.querySelector(`[value="${Math.min(levelOf(cell), TOP)}"]`).focus();
}

function hidePicker({ back = false } = {}) {
  if (picker.hidden) return;
  picker.hidden = true;
  if (back) go(document.getElementById(picker.dataset.cell));
}

matrix.addEventListener("click", (event) => {
  const cell = event.target.closest("[role=gridcell]");
  if (!cell) return;
  go(cell);
  showPicker(cell);
});
picker.addEventListener("keydown", (event) => {
  const buttons = [...picker.children];
  const at = buttons.indexOf(document.activeElement);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) buttons[Math.min(Math.max(at + step, 0), TOP)].focus();
  else if (/^[0-5]$/.test(event.key)) buttons[Number(event.key)].click();
  else if (event.key === "Escape") hidePicker({ back: true });
  else return;
  event.preventDefault();
  event.stopPropagation();
});
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest("#picker")) hidePicker();
});
document.getElementById("main").addEventListener("scroll", () => hidePicker());

/* For several at once */

const wanted = new Set(); // the ids of the lines that are chosen; a line may be replaced by a fresh one
const chosen = () => [...matrix.querySelectorAll("#agent-rows input:checked")].map((box) => box.closest("tr"));

function keepChosen() {
  for (const id of wanted) {
    const box = document.getElementById(id)?.querySelector("input");
    if (box) box.checked = true;
  }
}

function choose(cell) {
  const box = cell.parentElement.querySelector("input");
  box.checked = !box.checked;
  showBulk();
}

function showBulk() {
  const people = chosen();
  wanted.clear();
  for (const row of people) wanted.add(row.id);
  bulk.hidden = !people.length;
  document.getElementById("bulk-count").textContent = fill(ngettext("%(count)s agent", "%(count)s agents", people.length), { count: people.length });
  const select = document.getElementById("bulk-column"), before = select.value;
  select.replaceChildren(...columns().map((each, at) => new Option(each.textContent.trim(), String(at))));
  if (before) select.value = before;
}
matrix.addEventListener("change", showBulk);
bulk.addEventListener("submit", (event) => {
  event.preventDefault();
  const at = Number(document.getElementById("bulk-column").value) + 1;
  set(chosen().map((row) => row.cells[at]), Number(document.getElementById("bulk-level").value));
});

document.querySelector("[data-export]").addEventListener("click", (event) => {
  const asked = new URLSearchParams(new FormData(document.getElementById("scope")));
  event.currentTarget.href = `/board/skills/export.csv?${asked}`;
});

addActs({
  undo,
  pick(button) {
    const cell = document.getElementById(picker.dataset.cell);
    hidePicker({ back: true });
    if (cell) set([cell], Number(button.value));
  },
  unchoose() {
    for (const box of matrix.querySelectorAll("#agent-rows input:checked")) box.checked = false;
    showBulk();
    go(here && document.getElementById(here));
  },
});
rove();
onHint((hint) => {
  if (hint.presence) refreshSoon(); // who is on duty has changed
});
