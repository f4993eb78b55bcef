/** The elements that match in `root`, itself among them. */
export function within(root, selector) {
  return [...(root.matches?.(selector) ? [root] : []), ...root.querySelectorAll(selector)];
}

/** Whether a request of htmx was answered with what was asked for: a refusal (409) is shown like an answer. */
export const isDone = ({ successful, xhr }) => Boolean(successful) && xhr.status < 400;
