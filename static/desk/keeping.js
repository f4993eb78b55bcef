// What is typed and not yet with the server is kept in this browser, until somebody signs out.

export const ON_THE_WAY = 60_000; // a page that was asked for before a save may come after it, and not know of it
const KEYS = "ucs:draft:";
const TYPED = "ucs:typed:"; // before the scripts of a page had come, which templates/base/early.js keeps
const { user } = document.querySelector("[data-user]").dataset; // of a desk, or of a page where one signs out
const MINE = `${KEYS}${user}:`;
let isOver = false; // signed out: nothing of anybody's words stays in this browser

export const keyOf = (kind, conversation) => `${MINE}${conversation}:${kind}`;
const keys = () => Object.keys(localStorage).filter((key) => key.startsWith(KEYS));

/** What was typed into a form and has not reached the server, or has so lately that a page may be older. */
export const unsaved = (kind, conversation) => keptAs(keyOf(kind, conversation));

export function keptAs(key) {
  try {
    const kept = JSON.parse(localStorage.getItem(key));
    if (!kept?.savedAt || Date.now() - kept.savedAt < ON_THE_WAY) return kept;
    throwAway(key);
  } catch {
    throwAway(key); // nothing that we wrote
  }
  return null;
}

/** Returns false if this browser has no room left for it. */
export function keep(key, words) {
  try {
    if (!isOver) localStorage.setItem(key, JSON.stringify(words));
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error;
    return false;
  }
  return true;
}

export const throwAway = (key) => localStorage.removeItem(key);

/** Throw away what was saved long ago, of whatever conversation. */
export const tidy = () => keys().forEach(keptAs);

/** The numbers of the conversations with words that are nowhere but in this browser; "" is for a new one. */
export function nowhereElse() {
  const mine = keys().filter((key) => key.startsWith(MINE)).map(keptAs);
  const lost = mine.filter((kept) => kept && !kept.savedAt && (kept.html || kept.text?.trim()));
  return [...new Set(lost.map((kept) => kept.number ?? ""))];
}

/** Keep nothing more in this browser, as somebody else may sit down at it. */
export function forgetAll() {
  isOver = true;
  keys().forEach(throwAway);
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(TYPED)) sessionStorage.removeItem(key);
}
