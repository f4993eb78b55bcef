// "Undo the last": the newest of what the page offers to undo, a mail that has not left or many at once.
import { toast } from "./toasts.js";
import { gettext } from "../words.js";

export const OFFERED = ":is(#toasts, #bulk-state) [data-undo]";
const since = new WeakMap(); // which one came when: they stand in two places
let times = 0;
let latest = null; // what was done last
let gone = ""; // the act with many that is not the last thing any more

function note() {
  if (gone && document.getElementById(gone)) setAside(); // it was under way when something else was done
  for (const button of document.querySelectorAll(OFFERED)) {
    if (since.has(button)) continue;
    since.set(button, ++times);
    latest = button;
  }
}

/** Press the button of it, unless one has been pressed and is not answered yet: the next one would go by mistake.
 *  Returns the number of the conversation whose editor comes then. */
export function undoLast() {
  note();
  const offered = [...document.querySelectorAll(OFFERED)].sort((one, other) => since.get(other) - since.get(one));
  if (offered.some((each) => each.matches(".htmx-request"))) return "";
  if (!offered.length) toast(gettext("There is nothing to undo any more."));
  offered[0]?.click();
  return offered[0]?.dataset.undo;
}

// When the time of the last is over, the key does not mean the one before it: that has its button still.
document.addEventListener("desk:over", ({ target }) => {
  note();
  if (latest && target.contains(latest)) setAside(OFFERED);
});

document.body.addEventListener("htmx:afterSettle", note);
// What was done with many stays in sight, but it is not the last thing any more.
document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, requestConfig } }) => {
  if (requestConfig.verb === "get" || elt.matches("[data-undo], #bulk-state *")) return;
  gone = document.querySelector("#bulk-state > .bulk-state")?.id ?? "";
  setAside();
});

function setAside(which = "#bulk-state [data-undo]") {
  for (const button of document.querySelectorAll(which)) {
    button.removeAttribute("data-undo");
    button.removeAttribute("aria-keyshortcuts");
    button.querySelector("kbd")?.remove();
  }
}

document.body.addEventListener("htmx:afterRequest", ({ detail: { elt, xhr } }) => {
  if (xhr.status === 409 && elt.matches(".toast [hx-post]")) elt.closest(".toast").remove(); // it is too late
});
