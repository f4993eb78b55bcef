// Who else has this conversation open, and who is writing in it: told to the server every ten seconds, shown in
// one line below the head. Two who write are warned.
import { ask } from "./session.js";

const BEAT = 10_000;
const TYPING = 8_000; // after the last key one is still writing
const SOON = 250;
const PATIENCE = 20_000; // with a server that says nothing
const me = crypto.randomUUID();
const KINDS = { reply: "writing", outside: "writing", note: "noting", whisper: "noting" };
let isAsking = false, isWanted = false;
let watched = "", typed = { at: 0, doing: "viewing" }, told = "", people = [], timer = 0;

const opened = () => document.querySelector("article[data-conversation]")?.dataset.conversation ?? "";
const doing = () => (Date.now() - typed.at < TYPING && document.querySelector("form[data-editor]") ? typed.doing : "viewing");

function say(conversation, what, keepalive = false) {
  const body = new URLSearchParams({ window: me, doing: what });
  return ask(`/conversations/${conversation}/watch`, { method: "POST", body, keepalive, signal: AbortSignal.timeout(PATIENCE) });
}

/** What the server says; null if it goes away, be it in the midst of it. */
const heard = (asked) => asked.then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);

async function beat() {
  clearTimeout(timer);
  timer = setTimeout(beat, BEAT);
  const conversation = opened();
  if (watched && watched !== conversation) leave();
  if (!conversation || document.hidden) return;
  if (isAsking) return void (isWanted = true); // one at a time: whoever is signed out for hours must not pile them up
  isAsking = true;
  watched = conversation;
  told = doing();
  const there = await heard(say(conversation, told));
  isAsking = false;
  if (isWanted) soon();
  isWanted = false;
  if (!there || conversation !== opened()) return;
  const now = Date.now();
  people = there.people.map((each) => ({ ...each, until: now + each.left * 1000 }));
  show();
}

function leave() {
  if (watched) say(watched, "gone", true).catch(() => {});
  watched = told = "";
  people = [];
}

/** Ask soon; several calls are one. */
function soon() {
  clearTimeout(timer);
  timer = setTimeout(beat, SOON);
}

/** Take a hint of the live updates; true if it is about this alone. */
export function hearWatched(hint) {
  if (hint.watched === undefined) return false;
  if (String(hint.watched) === opened() && !document.hidden) soon();
  return true;
}

/** Show who is there; also after the page was brought up to date. */
export function show() {
  const line = document.getElementById("watchers");
  if (!line) return;
  const there = people.filter((each) => each.until > Date.now());
  const key = JSON.stringify(there.map(({ id, doing: what }) => [id, what]));
  if (line.dataset.shown !== key) {
    line.dataset.shown = key;
    line.replaceChildren(...there.map(drawn));
    line.hidden = !there.length;
  }
  const writer = there.find((each) => each.doing === "writing");
  for (const warning of document.querySelectorAll("[data-collision]")) {
    if (warning.textContent !== (writer?.warning ?? "")) warning.textContent = writer?.warning ?? "";
    warning.hidden = !writer;
  }
  for (const place of document.querySelectorAll("[data-watched-by]")) {
    const owner = there.find((each) => String(each.id) === place.dataset.watchedBy);
    place.textContent = owner?.words ?? "";
    place.hidden = !owner;
  }
}

function drawn({ name, initials, hue, doing: what, words }) {
  const item = document.createElement("span");
  item.className = `watcher ${what}`;
  const disc = Object.assign(document.createElement("span"), { className: `avatar tiny hue-${hue}`, textContent: initials, title: name });
  disc.setAttribute("aria-hidden", "true");
  item.append(disc, words);
  return item;
}

document.addEventListener("input", (event) => {
  const kind = KINDS[event.target.closest?.("form[data-editor]")?.dataset.editor];
  if (!kind) return;
  typed = { at: Date.now(), doing: kind };
  if (told !== kind) soon();
});
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : beat()));
addEventListener("pagehide", leave);
document.body.addEventListener("htmx:afterSwap", () => {
  if (opened() !== watched) return void beat();
  show();
  if (told && told !== doing()) soon(); // the editor is gone: nobody writes any more
});
setInterval(show, 1000); // whoever went without a word is gone when their time is over
beat();
