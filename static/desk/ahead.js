// Another conversation, another list, or what a search finds, comes a moment after it was asked for: keys that are meant
// for it wait, and don't act on what it takes the place of.
const PANES = new Set(["conversation", "desk"]);
const ABOUT_ONE = new Set(["reply", "reply-all", "forward", "note", "snippet", "take", "close", "transfer", "snooze", "tag", "await-customer", "spam", "follow", "whisper", "contact", "merge"]);
const ABOUT_ROWS = new Set(["next", "previous", "open", "select", "select-next", "select-previous", "select-all"]);
const UNDER_WAY = new Set([XMLHttpRequest.OPENED, XMLHttpRequest.HEADERS_RECEIVED, XMLHttpRequest.LOADING]);
const MEANT = /^(.|Enter|Shift .)$/u;
let coming = null; // the request for it
let seeking = null; // the request for what a search finds, which leaves a moment after the last word
let sought = null; // the field with the words that it has not answered yet
let isAnother = false; // so that every key is meant for it: a list, or an empty mail
let keys = [];
let play = () => {};

/** Have `act` press the keys that have waited, one after the other. */
export const onArrival = (act) => (play = act);

/** Nothing is meant for it any more. */
export const forgetKeys = () => (keys = []);

/** Whether some wait already. */
export const areWaiting = () => keys.length > 0;

/** Whether a key, which does `name` with what is selected or open, has to wait; what comes after one that waits does
 *  so, too. */
export function waits(key, name, isOfSelected) {
  const isUnderWay = coming && UNDER_WAY.has(coming.readyState), isSought = Boolean(sought?.isConnected);
  const isForOne = isUnderWay && (isAnother || (!isOfSelected && ABOUT_ONE.has(name)));
  const isForRows = isSought && ABOUT_ROWS.has(name);
  if (!(isUnderWay || isSought) || !MEANT.test(key) || !(keys.length || isForOne || isForRows)) return false;
  keys.push(key);
  return true;
}

document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, target, xhr } }) => {
  const isOpening = elt.matches("a, #rows, #take-next, #compose") || target.id === "desk"; // #rows: by the palette
  if (!PANES.has(target.id) || !isOpening) return;
  coming = xhr;
  xhr.addEventListener("loadend", () => arrived(xhr)); // htmx says nothing of it when what asked has left the page
  isAnother = target.id === "desk" || elt.id === "compose";
  forgetKeys();
});
document.addEventListener("input", ({ target }) => target.matches("#q") && (sought = target));
document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, xhr } }) => {
  if (!elt.matches("#q, #sort")) return;
  const { value } = elt;
  [seeking, sought] = [xhr, elt];
  xhr.addEventListener("loadend", () => {
    if (xhr !== seeking || sought !== elt || elt.value !== value) return; // for other words another one leaves
    [seeking, sought] = [null, null];
    playOn(xhr);
  });
});
document.addEventListener("pointerdown", forgetKeys, true); // who goes on by mouse means something else

function arrived(xhr) {
  if (xhr !== coming) return;
  coming = null;
  playOn(xhr);
}

function playOn({ status }) {
  const isMeant = status >= 200 && status < 400 && !document.querySelector("dialog[open]");
  const meant = isMeant ? keys : [];
  forgetKeys();
  meant.forEach(play);
}
