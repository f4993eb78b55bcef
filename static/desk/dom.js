/** The elements that match in `root`, itself among them. */
export function within(root, selector) {
  return [...(root.matches?.(selector) ? [root] : []), ...root.querySelectorAll(selector)];
}

/** Whether a request of htmx was answered with what was asked for: a refusal (409) is shown like an answer. */
export const isDone = ({ successful, xhr }) => Boolean(successful) && xhr.status < 400;

/** Put what the server has there into `target`, as if `source` had asked for it; false if nothing came, which htmx
 *  has told, or something else was asked for meanwhile. */
export const bring = (url, target, swap = "innerHTML", source = undefined) => htmx.ajax("GET", url, { target, swap, source }).then(() => true, () => false);

/** Take an element off the page; if it had the focus, that goes to `heir`: from the body, Tab would begin anew. */
export function takeAway(element, heir) {
  const hadFocus = element.contains(document.activeElement);
  element.remove();
  if (hadFocus) heir?.focus({ preventScroll: true });
}

/** Where a key goes: browsers leave the focus in what has just gone from sight, as in a dialog that was shut, until they
 *  paint again. */
export const aimOf = ({ target }) => (target.checkVisibility?.() === false ? document.body : target);
