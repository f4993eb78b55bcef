// Another conversation, or another list, comes a moment after it was asked for: keys that are meant for it wait, and
// don't act on what it takes the place of.
const PANES = new Set(["conversation", "desk"]);
const ABOUT_ONE = new Set(["reply", "reply-all", "forward", "note", "snippet", "take", "close", "transfer", "snooze", "tag", "await-customer", "spam", "follow", "whisper", "contact", "merge"]);
const UNDER_WAY = new Set([XMLHttpRequest.OPENED, XMLHttpRequest.HEADERS_RECEIVED, XMLHttpRequest.LOADING]);
const MEANT = /^(.|Enter|Shift .)$/u;
let coming = null; // the request for it
let isAnother = false; // so that every key is meant for it: a list, or an empty mail
let keys = [];
let play = () => {};

/** Have `act` press the keys that have waited, one after the other. */
export const onArrival = (act) => (play = act);

/** Nothing is meant for it any more. */
export const forgetKeys = () => (keys = []);

/** Whether some wait already. */
export const areWaiting = () => keys.length > 0;

/** Whether a key, which does `name`, has to wait; what comes after one that waits does so, too. */
export function waits(key, name) {
  const isUnderWay = coming && UNDER_WAY.has(coming.readyState);
  if (!isUnderWay || !MEANT.test(key) || !(keys.length || isAnother || ABOUT_ONE.has(name))) return false;
  keys.push(key);
  return true;
}

document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, target, xhr } }) => {
  const isOpening = elt.matches("a, body, #take-next, #compose") || target.id === "desk"; // body: by the palette
  if (!PANES.has(target.id) || !isOpening) return;
  coming = xhr;
  xhr.addEventListener("loadend", () => arrived(xhr)); // htmx says nothing of it when what asked has left the page
  isAnother = target.id === "desk" || elt.id === "compose";
  forgetKeys();
});
document.addEventListener("pointerdown", forgetKeys, true); // who goes on by mouse means something else

function arrived(xhr) {
  if (xhr !== coming) return;
  const isMeant = xhr.status >= 200 && xhr.status < 400 && !document.querySelector("dialog[open]");
  const meant = isMeant ? keys : [];
  coming = null;
  forgetKeys();
  meant.forEach(play);
}
