// Selecting conversations in the list, and doing one thing with all of them.
//
// What is selected is kept by id, so live updates, sorting and "Show more" change nothing of it. All of a list
// ("all 340 found") is selected by its question: the server looks then which those are.
import { fill, gettext, ngettext } from "../words.js";
import { tellStages } from "./announce.js";
import { openMenu } from "./menus.js";
import { addActs } from "./page.js";
import { ask } from "./session.js";
import { setSnoozeTimes } from "./snooze.js";
import { toast } from "./toasts.js";

const MOST = 500;
let chosen = new Set();
let isAll = false; // all of the list, shown or not
let scope = "";
const NOTHING = { what: "", token: "" };
let sent = NOTHING; // whose answer was lost: the same once more is the same act, till something else is selected
let isAsked = false;
let latest = null; // the row that was ticked last, for Shift and click
let loaded = Promise.resolve(); // when the buttons are there

const bar = () => document.getElementById("bulk");
const rows = () => [...document.querySelectorAll("#rows > [id^='row-']")];
const idOf = (row) => row?.closest("li")?.id.slice(4);
const list = () => new URLSearchParams(new FormData(document.querySelector("#list .search"))).toString();

/** Whether anything is selected. */
export const isSelecting = () => isAll || chosen.size > 0;

/** Select a row, or no longer. */
export function toggle(row) {
  const id = idOf(row);
  if (!id) return;
  if (isAll) leaveAll();
  if (!chosen.delete(id)) chosen.add(id);
  latest = id;
  select();
}

/** Select from one row on to the next. */
export function extend(from, to) {
  if (isAll) leaveAll();
  for (const id of [idOf(from), idOf(to)]) if (id) chosen.add(id);
  latest = idOf(to) ?? latest;
  select();
}

/** Select all rows that are shown; once more, all that are found. */
export function selectShown() {
  if (rows().length && !isWhole() && rows().every((row) => chosen.has(idOf(row)))) selectAll();
  for (const row of rows()) chosen.add(idOf(row));
  select();
}

/** All that are found by now, which may be others than when the list came. */
function selectAll() {
  isAll = true;
  bar().dataset.asked = "";
}

/** Select nothing. */
export function clearSelection() {
  chosen.clear();
  isAll = false;
  select();
}

function leaveAll() {
  isAll = false;
  for (const row of rows()) chosen.add(idOf(row));
}

function selectTo(id) {
  const ids = rows().map(idOf);
  const [from, to] = [ids.indexOf(latest), ids.indexOf(id)].sort((one, other) => one - other);
  if (from < 0) return chosen.add(id);
  for (const each of ids.slice(from, to + 1)) chosen.add(each);
}

function paint() {
  for (const row of rows()) {
    const is = isAll || chosen.has(idOf(row));
    row.classList.toggle("picked", is);
    const box = row.querySelector(".pick input");
    if (box) box.checked = is;
  }
  document.getElementById("list")?.classList.toggle("picking", isSelecting());
  const all = document.getElementById("pick-all");
  if (!all) return;
  all.checked = rows().length > 0 && document.querySelectorAll("#rows > .picked").length === rows().length;
  all.indeterminate = isSelecting() && !all.checked;
}

/** Somebody has selected something else. */
function select() {
  sent = NOTHING;
  show();
}

function show() {
  paint();
  const element = bar();
  if (!element) return;
  element.hidden = !isSelecting();
  if (!isSelecting()) return;
  if (element.dataset.asked !== list()) loaded = load(list());
  count();
}

const scopeNow = () => document.getElementById("rows")?.dataset.scope ?? "";

async function load(asked) {
  const element = bar();
  element.dataset.asked = asked; // other words find another number
  const answer = await ask(`/bulk?${asked}`).catch(() => null);
  if (!answer?.ok || element !== bar()) return delete element.dataset.asked;
  if (element.dataset.asked !== asked) return; // the next answer is on its way
  const fresh = document.createRange().createContextualFragment(await answer.text());
  const all = element.dataset.of === scopeNow() && element.querySelector("[data-act=bulk-all]");
  if (all) { // what is written beside it, such as a note, stays
    const { dataset, textContent } = fresh.querySelector("[data-act=bulk-all]");
    all.dataset.found = dataset.found;
    all.textContent = textContent;
  } else element.replaceChildren(fresh);
  element.dataset.of = scopeNow();
  htmx.process(element);
  setSnoozeTimes(element);
  count();
}

/** All of the list is shown, and selected. */
function isWhole() {
  return !document.getElementById("more") && rows().every((row) => chosen.has(idOf(row)));
}

function count() {
  const words = bar().querySelector("[data-bulk-count]");
  if (!words) return;
  const found = bar().querySelector("[data-act=bulk-all]");
  const all = found?.dataset.found;
  words.textContent = isAll
    ? all ? fill(gettext("All %(count)s are selected"), { count: all }) : gettext("All that are found are selected")
    : fill(ngettext("%(count)s selected", "%(count)s selected", chosen.size), { count: chosen.size });
  if (found) found.hidden = isAll || isWhole();
}

/** Do with what is selected, if anything is, the first of these that this list has, or open its menu; whether that was so. */
export function actOnSelected(...verbs) {
  if (!isSelecting()) return false;
  loaded.then(() => {
    const buttons = verbs.map((verb) => bar().querySelector(`.bulk-buttons > :is([data-verb="${verb}"], #bulk-${verb})`));
    const found = buttons.find(Boolean);
    if (found?.matches("details")) openMenu(found);
    else if (found) found.click();
    else if (bar().childElementCount) toast(gettext("That can’t be done with what is selected."));
    else toast(gettext("The server can’t be reached. Nothing is lost: try again in a moment."), { error: true });
  });
  return true;
}

/** Whether all that is selected is closed, as far as the list says so. */
export const areClosed = () => !isAll && [...chosen].every((id) => document.querySelector(`#row-${id} .pill.closed`));

const newToken = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join("");

async function act(button) {
  if (isAsked) return;
  if (!isAll && chosen.size > MOST) return toast(fill(gettext("Select at most %(most)s one by one, or all of the list."), { most: MOST }), { error: true });
  const form = button.closest("form");
  if (form && !form.reportValidity()) return;
  const body = new URLSearchParams(form ? new FormData(form) : undefined);
  if (button.name) body.set(button.name, button.value);
  if (body.get("local")) body.set("until", new Date(body.get("local")).toISOString());
  body.set("verb", button.dataset.verb);
  if (isAll) body.set("all", "1");
  else for (const id of chosen) body.append("id", id);
  const told = bar().querySelector("[data-act=bulk-all]")?.dataset.found;
  const what = `${list()} ${body}`;
  if (sent.what !== what) sent = { what, token: newToken() };
  body.set("token", sent.token);
  if (isAll && told) body.set("told", told);
  isAsked = true;
  for (const menu of bar().querySelectorAll("details[open]")) menu.open = false;
  try {
    const answer = await ask(`/bulk?${list()}`, { method: "POST", body });
    const text = await answer.text();
    if (answer.status === 409) {
      if (isAll) loaded = load(list()); // how many there are may be what was refused
      return toast(text, { error: true });
    }
    if (!answer.ok) throw new Error(String(answer.status));
    sent = NOTHING;
    const place = document.getElementById("bulk-state");
    place.innerHTML = text;
    htmx.process(place);
    tellStages();
    for (const each of bar().querySelectorAll("form")) each.reset();
    const isInside = bar().contains(document.activeElement);
    clearSelection();
    if (isInside) backToList();
    htmx.trigger("#refresh", "desk:list");
    const open = document.getElementById("refresh-conversation");
    if (open) htmx.trigger(open, "desk:conversation");
  } catch {
    toast(gettext("The server can’t be reached. Nothing is lost: try again in a moment."), { error: true }); // with the same token
  } finally {
    isAsked = false;
  }
}

/** The button that was pressed is gone: the focus goes on where one reads. */
function backToList() {
  const row = document.querySelector("#rows .row[aria-current]") ?? document.querySelector("#rows .row");
  (row ?? document.getElementById("rows")).focus({ preventScroll: true });
}

addActs({
  "bulk-all": () => {
    selectAll();
    select();
  },
  "bulk-none": () => {
    clearSelection();
    backToList();
  },
  "bulk-dismiss": (button) => {
    button.closest(".bulk-state").remove();
    backToList();
  },
});

document.addEventListener("click", (event) => {
  const box = event.target.closest?.("#rows .pick");
  if (box) {
    const id = idOf(box);
    if (event.shiftKey && latest && latest !== id) {
      event.preventDefault();
      selectTo(id);
      return select();
    }
    if (!event.target.matches("input")) return; // the label's click comes as the box's
    toggle(box);
  }
  if (event.target.closest?.("#pick-all")) document.getElementById("pick-all").checked ? selectShown() : clearSelection();
  const button = event.target.closest?.("#bulk [data-verb]");
  if (button) act(button);
});
document.addEventListener("keydown", (event) => {
  const form = event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest?.("#bulk form");
  if (form) form.requestSubmit();
});
document.body.addEventListener("submit", (event) => {
  const button = event.target.closest("#bulk")?.querySelector("[data-verb]"); // the board has a bar of its own
  if (!button) return;
  event.preventDefault();
  act(event.target.querySelector("[data-verb]") ?? button);
});

// Another list has another selection; the same one, patched, keeps it.
document.body.addEventListener("htmx:afterSwap", () => {
  if (scope && scope !== scopeNow()) {
    chosen = new Set();
    isAll = false;
  }
  if (isAll && bar()?.dataset.asked !== list()) clearSelection(); // all of what was found for other words
  scope = scopeNow();
  show();
});
scope = scopeNow();
