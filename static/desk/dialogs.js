// The dialog for merging, splitting and moving: the server fills it, it opens when it is filled.
import "./choosing.js";
import { typedAhead } from "./keys.js";

const dialog = document.getElementById("act");
const body = document.getElementById("act-body");

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== body || dialog.open || !body.querySelector("#act-title")) return; // done: nothing to show
  dialog.showModal();
  const find = dialog.querySelector("#act-find"), text = typedAhead();
  if (!find || !text.trim()) return;
  find.value = text;
  find.dispatchEvent(new Event("input", { bubbles: true }));
});
// What had the focus may be gone, such as a view that was deleted: Tab goes on in the dialog.
document.body.addEventListener("htmx:afterSettle", () => {
  if (dialog.open && document.activeElement === document.body) dialog.querySelector("input:not([type=hidden]), select, button")?.focus();
});
let isActed = false;
document.body.addEventListener("desk:acted", () => {
  isActed = dialog.open;
  dialog.close();
});
// What a dialog has asked for, and comes when a person has shut it, does not open it again.
const asked = new WeakSet();
document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target === body && dialog.open) asked.add(detail.requestConfig);
});
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (asked.has(detail.requestConfig) && !dialog.open && !isActed) detail.shouldSwap = false;
});
dialog.addEventListener("close", () => {
  body.replaceChildren();
  isActed = false;
  if (document.activeElement === document.body) document.getElementById("conversation")?.focus({ preventScroll: true }); // what had it is gone
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // beside it
});
dialog.addEventListener("change", () => dialog.querySelector("#act-refusal")?.replaceChildren());

dialog.addEventListener("keydown", (event) => {
  const form = event.target.closest("form");
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !form) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector(".primary"));
});
