// The first of two keys, as in "g m": it waits for the second one, and after a moment says which there are.
import { gettext } from "../words.js";

const LONGEST = 3000; // slow hands find the second key, too
const KNOWN = 500; // who knows it by heart sees nothing
const hint = Object.assign(document.createElement("div"), { id: "pending-key", className: "pending-key" });
hint.setAttribute("role", "status");
document.body.append(hint);
let first = "";
let telling = 0, ending = 0;

/** The key that waits, or ""; it waits no longer. */
export function takeFirst() {
  const key = first;
  first = "";
  clearTimeout(telling);
  clearTimeout(ending);
  hint.replaceChildren();
  return key;
}

/** Let a key wait for the next one; `following()` are the keys that may be it, with what each does. */
export function wait(key, following) {
  takeFirst();
  first = key;
  telling = setTimeout(() => hint.replaceChildren(...drawn(key, following())), KNOWN);
  ending = setTimeout(takeFirst, LONGEST);
}

const cap = (key) => Object.assign(document.createElement("kbd"), { textContent: key });

function drawn(key, following) {
  const head = document.createElement("p");
  head.append(cap(key), gettext("and then:"));
  const list = document.createElement("ul");
  for (const [second, label] of following) {
    const item = document.createElement("li");
    item.append(cap(second), Object.assign(document.createElement("span"), { className: "clip", textContent: label }));
    list.append(item);
  }
  return [head, list];
}

// Who goes on with something else means no pair.
addEventListener("pointerdown", takeFirst);
addEventListener("blur", takeFirst);
