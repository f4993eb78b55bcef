// Signing out: no word is lost unasked, and none stays in this browser.
import { forgetAll, nowhereElse } from "./keeping.js";
import { toast } from "./toasts.js";
import { fill, gettext } from "../words.js";

let settle = async () => {};
let isWarned = false; // of words that signing out would lose

/** Do `act` before anybody is signed out. */
export function beforeLeaving(act) {
  settle = act;
}

document.addEventListener("input", () => (isWarned = false));
document.body.addEventListener("submit", async (event) => {
  if (event.target.id !== "logout") return;
  event.preventDefault();
  await settle();
  const lost = nowhereElse();
  if (lost.length && !isWarned) {
    isWarned = true;
    const where = lost.map((number) => (number ? `#${number}` : gettext("a new conversation"))).join(", ");
    return toast(fill(gettext("You are still signed in: what you wrote in %(where)s is in this browser alone. Send it or add it as a note, or sign out again to lose it."), { where }), { error: true });
  }
  forgetAll();
  event.target.submit();
});
