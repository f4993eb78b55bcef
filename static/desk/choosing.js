// A field that finds what can be chosen below it, here or on the server: nothing is done by accident with what stood
// there for other words.
import { isDone } from "./dom.js";

const FIELD = "#act-find, #merge-find";
const CHOICES = "#act-choices, #merge-choices";
const answered = new WeakMap(); // field → the words whose answer stands below it
let isChosen = false; // by a person, since something was typed
let hasFailed = false; // the search for what stands there now
let waiting = null; // the field from which Enter leads to what is still to come

const isSearch = (field) => field.matches("[hx-get]");
const isAwaited = (field) => isSearch(field) && !isChosen && field.value !== (answered.get(field) ?? field.defaultValue);

document.addEventListener("input", ({ target }) => {
  if (!target.matches(FIELD)) return;
  isChosen = hasFailed = false;
  waiting = null;
  const list = target.dataset.finds && document.querySelector(target.dataset.finds);
  if (list) narrow(list, target.value.trim().toLocaleLowerCase()); // the page holds them already
});
document.addEventListener("click", ({ target }) => {
  if (target.matches(".choice input")) isChosen = true;
});

function narrow(list, wanted) {
  for (const choice of list.querySelectorAll(".choice")) choice.hidden = !choice.textContent.toLocaleLowerCase().includes(wanted);
}

// What is found late, for what was typed before one was chosen, does not take the choice away again.
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.matches(CHOICES) && isChosen && detail.target.querySelector(":checked")) detail.shouldSwap = false;
});
document.body.addEventListener("htmx:afterSettle", ({ detail: { target, requestConfig } }) => {
  const field = requestConfig?.elt;
  if (!field?.matches(FIELD) || !target.matches(CHOICES)) return;
  answered.set(field, requestConfig.parameters.find);
  if (waiting === field && document.activeElement === field && !isAwaited(field)) lead(field);
});
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  const { elt, requestConfig } = detail;
  if (elt.matches(FIELD) && !isDone(detail) && requestConfig.parameters.find === elt.value) hasFailed = true;
});

/** To the choice that was made, or else the first one. */
function lead(field) {
  waiting = null;
  const choices = [...field.form.querySelectorAll(".choice:not([hidden]) input")];
  const choice = choices.find((each) => each.checked) ?? choices[0];
  if (!choice) return;
  choice.focus();
  if (!choice.checked) choice.click();
}

function await_(field) {
  waiting = field;
  if (hasFailed) htmx.trigger(field, "search"); // once more
  hasFailed = false;
}

// In the field Enter and the arrow keys lead to what was found.
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (!target.matches?.(FIELD) || !["Enter", "ArrowDown"].includes(key) || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (isAwaited(target)) await_(target);
  else lead(target);
});
// However it is sent: while the answer is on its way, what is checked is a choice of before.
document.addEventListener("submit", (event) => {
  const field = event.target.querySelector(FIELD);
  if (!field || hasFailed || !isAwaited(field)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (document.activeElement === field) waiting = field;
}, true);
