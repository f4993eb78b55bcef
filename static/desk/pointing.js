// The row of the list that keys are about without being open: where j, k, the arrows or Tab have led. A row that has
// the focus from before, or as its neighbour has gone by itself, is none: then the open conversation is meant.
const FOLLOWING = 3000;
const here = () => document.activeElement?.closest("#rows > li");
let at = ""; // the id of its line
let following = 0; // until when the focus may go on by itself, as what was done took the row away

/** The focus was led to a row. */
export const point = () => (at = here()?.id ?? "");

/** The row, unless it is the one that is open. */
export function pointed() {
  const row = at && here()?.id === at ? here().querySelector(".row:not([aria-current])") : null;
  if (!row) [at, following] = ["", 0];
  return row;
}

/** What is done now is done with that row: the next one takes its place. */
export const goOn = () => (following = at ? Date.now() + FOLLOWING : 0);

document.addEventListener("focusin", () => {
  if (Date.now() < following && here()) point();
});
document.addEventListener("keyup", ({ key }) => key === "Tab" && point());
document.addEventListener("pointerdown", () => (at = ""), true);
document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, target } }) => {
  if (["conversation", "desk"].includes(target.id) && elt.matches("a, body, #take-next, #compose")) at = ""; // another one opens
});
