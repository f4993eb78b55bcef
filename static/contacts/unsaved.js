// Words that are in a form of this page alone: the browser asks before they are left. Such a form has data-asks.
import { isDone } from "../desk/dom.js";

const FORMS = "form[data-asks]";
const sent = new WeakMap(); // form → what of it is on its way to the server, or there
let isLeaving = false; // by a link that gives the words up, or because they are saved

const words = (form) => JSON.stringify([...new FormData(form)]);

function isChanged(field) {
  if (field.matches("[type=hidden], [type=search]")) return false;
  if (!field.matches("select")) return field.value !== field.defaultValue;
  const before = [...field.options].findIndex((each) => each.defaultSelected);
  return field.selectedIndex !== Math.max(before, 0);
}

const isUnsaved = (form) => [...form.querySelectorAll("input, textarea, select")].some(isChanged) && sent.get(form) !== words(form);

document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => {
  if (elt.matches(FORMS)) sent.set(elt, words(elt));
});
document.body.addEventListener("htmx:beforeOnLoad", ({ detail: { elt, xhr } }) => {
  if (elt.matches(FORMS) && xhr.getResponseHeader("HX-Redirect")) isLeaving = true;
});
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.elt.matches(FORMS) && !isDone(detail)) sent.delete(detail.elt);
});
document.addEventListener("input", () => (isLeaving = false));
document.addEventListener("click", (event) => {
  const isHere = !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (isHere && event.target.closest("[data-leave]")) isLeaving = true;
  if (!event.target.closest('[href^="tel:"], [href^="mailto:"]')) return;
  isLeaving = true; // to a telephone, and the page stays
  setTimeout(() => (isLeaving = false));
});
addEventListener("beforeunload", (event) => {
  if (!isLeaving && [...document.querySelectorAll(FORMS)].some(isUnsaved)) event.preventDefault();
});
