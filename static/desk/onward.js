// Sending and going on with the next conversation, once it is sent: what is held back, or refused, stays in front of
// who wrote it, and is sent by itself when it is tried again.
const asked = new WeakSet();

/** Take the next one when what `form` sends now has left. */
export const takeNextAfter = (form) => asked.add(form);

/** Whether that was asked for; it is forgotten by that. */
export const isNextAsked = (form) => asked.delete(form);
