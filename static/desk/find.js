// The search box: suggestions of operators and their values while one types, all by keyboard.
import { ask } from "./session.js";
import { gettext } from "../words.js";

const PAUSE = 180; // after the last key, before names are looked up
const MOST = 20;
const PEOPLE = new Set(["from", "to", "cc"]);
const BOX = "find-options";
let learning = null; // operators and values, asked for once
let known = null;
let chosen = -1;
let timer = 0;

const field = () => document.getElementById("q");
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

async function learn() {
  learning ??= ask("/find/values").then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  known = await learning;
  if (!known) learning = null; // the next word asks again
}

/** The word before the caret: where it begins, its operator, and what follows that. */
function current(input) {
  const before = input.value.slice(0, input.selectionStart ?? input.value.length);
  const word = before.match(/[-−]?(?:[\p{L}_]+:)?(?:"[^"]*|[^\s"]*)$/u)?.[0] ?? "";
  const [, minus, name, value] = word.match(/^([-−]?)(?:([\p{L}_]+):)?"?(.*)$/su);
  return { from: before.length - word.length, to: before.length, minus, name: name?.toLowerCase(), value };
}

function options({ minus, name, value }, all) {
  const { operators, values } = known ?? { operators: [], values: {} };
  const wanted = plain(value);
  if (name) {
    const found = (values[name] ?? []).filter((each) => plain(each.value).split(/\s+/).concat(plain(each.value)).some((part) => part.startsWith(wanted)));
    if (found.length === 1 && plain(found[0].value) === wanted) return []; // nothing is left to be typed
    return found.map((each) => ({ text: `${minus}${name}:${quoted(each.value)} `, label: each.value, says: each.says ?? "" }));
  }
  if (!value && !all) return [];
  return operators.filter((each) => each.name.startsWith(wanted)).map((each) => ({ text: `${minus}${each.name}`, label: each.name, says: each.says }));
}

async function people(word) {
  const answer = await ask(`/people?q=${encodeURIComponent(word.value)}`);
  if (!answer.ok) return [];
  const { people: found } = await answer.json();
  return found.map((each) => ({ text: `${word.minus}${word.name}:${each.match(/<([^>]*)>/)?.[1] ?? each} `, label: each, says: "" }));
}

const quoted = (value) => (/\s/.test(value) ? `"${value}"` : value);

function close() {
  document.getElementById(BOX)?.remove();
  chosen = -1;
  field()?.setAttribute("aria-expanded", "false");
  field()?.removeAttribute("aria-activedescendant");
}

function show(input, found) {
  close();
  if (!found.length || document.activeElement !== input) return;
  const list = document.createElement("ul");
  list.id = BOX;
  list.className = "find-options";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", gettext("What can be searched for"));
  for (const [at, each] of found.slice(0, MOST).entries()) {
    const item = document.createElement("li");
    item.id = `find-option-${at}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.dataset.text = each.text;
    const label = document.createElement("b");
    label.textContent = each.label;
    const says = document.createElement("span");
    says.textContent = each.says;
    item.append(label, says);
    list.append(item);
  }
  input.closest("form").append(list);
  input.setAttribute("aria-expanded", "true");
}

function choose(at) {
  const items = [...document.querySelectorAll(`#${BOX} li`)];
  if (!items.length) return;
  chosen = (at + items.length) % items.length;
  for (const [number, item] of items.entries()) item.setAttribute("aria-selected", String(number === chosen));
  items[chosen].scrollIntoView({ block: "nearest" });
  field().setAttribute("aria-activedescendant", items[chosen].id);
}

function take(item) {
  const input = field();
  const { from, to } = current(input);
  input.setRangeText(item.dataset.text, from, to, "end");
  close();
  input.focus();
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

/** At once where it can: Esc right behind a word must not find what was suggested for the one before. */
function suggest(input, all = false) {
  clearTimeout(timer);
  const word = current(input), { value } = input;
  const showAll = (found) => input.value === value && current(input).to === word.to && show(input, found);
  if (!PEOPLE.has(word.name)) {
    show(input, options(word, all));
    if (!known) learn().then(() => showAll(options(word, all)));
  } else if (word.value.length < 2) close();
  else timer = setTimeout(() => people(word).catch(() => []).then(showAll), PAUSE);
}

/** Ask this instead of what is in the box. */
export function askFor(button) {
  const input = field();
  input.value = button.dataset.q;
  input.dispatchEvent(new Event("search", { bubbles: true }));
  input.focus();
}

document.addEventListener("focusin", ({ target }) => {
  if (target.id !== "q") return;
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", BOX]]) target.setAttribute(name, value);
  learn();
});
document.addEventListener("input", ({ target }) => {
  if (target.id === "q") suggest(target);
});
document.addEventListener("focusout", ({ target }) => {
  if (target.id === "q") close();
});
document.addEventListener("pointerdown", (event) => {
  const item = event.target.closest?.(`#${BOX} li`);
  if (!item) return;
  event.preventDefault(); // the box keeps the focus
  take(item);
});
document.addEventListener(
  "keydown",
  (event) => {
    if (event.target.id !== "q" || event.isComposing) return;
    const items = document.querySelectorAll(`#${BOX} li`);
    const handled = items.length ? withOptions(event, items) : withoutOptions(event);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);

function withOptions(event, items) {
  if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen < 0 ? -1 : chosen - 1);
  else if (event.key === "Escape") close();
  else if (event.key === "Enter" && chosen >= 0) take(items[chosen]);
  else if (event.key === "Tab" && !event.shiftKey) take(items[Math.max(chosen, 0)]);
  else return false;
  return true;
}

function withoutOptions(event) {
  if (event.key !== "ArrowDown") return false;
  if (field().value.trim()) document.querySelector("#rows .row")?.focus();
  else suggest(field(), true);
  return true;
}
