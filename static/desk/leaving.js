// Signing out, on any page: no word is lost unasked, and none stays in this browser.
//
// A form that signs out has data-leaving: the classes of what is told in it, where a page has no better place.
import { forgetAll, nowhereElse } from "./keeping.js";
import { fill, gettext } from "../words.js";

let settle = async () => {};
let tell = (words, form) => {
  const told = form.querySelector("[role=alert]") ?? document.createElement("p");
  Object.assign(told, { role: "alert", className: form.dataset.leaving, textContent: words });
  form.prepend(told);
};
let isWarned = false; // of words that signing out would lose

/** Do `act` before anybody is signed out. */
export function beforeLeaving(act) {
  settle = act;
}

/** Have `act` tell what signing out would lose. */
export function tellLeavers(act) {
  tell = act;
}

document.addEventListener("input", () => (isWarned = false));
document.body.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("leaving" in form.dataset)) return;
  event.preventDefault();
  await settle();
  const lost = nowhereElse();
  if (lost.length && !isWarned) {
    isWarned = true;
    const where = lost.map((number) => (number ? `#${number}` : gettext("a new conversation"))).join(", ");
    return tell(fill(gettext("You are still signed in: what you wrote in %(where)s is in this browser alone. Send it or add it as a note, or sign out again to lose it."), { where }), form);
  }
  forgetAll();
  form.submit();
});
