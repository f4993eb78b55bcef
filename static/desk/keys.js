// Keys without modifiers, never while typing. Which key is for what is said in queues/keyboard.py alone: the help
// in the page lists them, and this reads it.
import { gettext } from "../words.js";
import { areWaiting, forgetKeys, onArrival, waits } from "./ahead.js";
import { areKeysOn } from "./alone.js";
import { actOnSelected, areClosed, clearSelection, extend, isSelecting, selectShown, toggle } from "./bulk.js";
import { aimOf, bring, isDone } from "./dom.js";
import { openMenu } from "./menus.js";
import { takeNextAfter } from "./onward.js";
import { takeFirst, wait } from "./pairs.js";
import { openPalette } from "./palette.js";
import { LONGEST } from "./picker.js";
import { openPresence } from "./presence.js";
import { toast } from "./toasts.js";
import { openTold } from "./told.js";
import { OFFERED, undoLast } from "./undo.js";

const OPENING = 3000;
const CHANGING = 20_000; // one editor is put away before the next can come, and an answer leaves first
// What is asked for, and what is being made ready: until then keys are for what comes.
const COMING = "body.htmx-request, #toasts .htmx-request, #composer .htmx-request, #composer form[data-starting], .tools .htmx-request, .mail-acts .htmx-request";
let ahead = null; // keys pressed after "reply" and before the editor is there
const opened = () => document.querySelector("article[data-conversation]")?.dataset.conversation;
const expect = (text, wait, { about = opened(), ...more } = {}) => (ahead = { text, until: Date.now() + wait, from: opened(), about, ...more });
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!isDone(detail) && detail.xhr.status !== 401 && !detail.requestConfig.elt.id.startsWith("refresh")) ahead = null; // nothing comes
});
// What was asked for comes now, however late: the button that says so goes before it is there.
document.body.addEventListener("htmx:beforeOnLoad", ({ detail: { elt } }) => {
  if (!elt.id.startsWith("refresh") && !noneComes()) ahead.until = Math.max(ahead.until, Date.now() + OPENING);
});
document.body.addEventListener("htmx:afterSwap", () => {
  if (ahead && ![ahead.about, ahead.from].includes(opened())) ahead = null; // what was written to one is nothing for another
});
document.addEventListener("pointerdown", noneComes, true);

function noneComes() {
  if (ahead && Date.now() > ahead.until && !document.querySelector(COMING)) ahead = null; // nothing has come
  return !ahead;
}

/** Whether somebody waits for an editor. */
export const isAwaited = () => !noneComes();

/** What was typed while an editor or a dialog was being opened; from now on keys are keys again. */
export function typedAhead() {
  const { text = "", then } = ahead ?? {};
  ahead = null;
  then?.();
  return text;
}

/** Open an editor; `text` and what is typed meanwhile will stand in it, `then` is called when it is there. */
export function open(selector, text = "", then = undefined) {
  const button = document.querySelector(selector);
  if (!button || button.getAttribute("aria-disabled") === "true") return button?.click();
  expect(text, OPENING, { then });
  button.click();
}

/** Go on writing where one was; `text` comes in as if typed, apart from the word before it. */
function resume(form, text) {
  if ("starting" in form.dataset) { // its formatting is on the way: what is typed meanwhile is no key
    expect(text, OPENING);
    return form.addEventListener("desk:ready", () => atEnd(form, typedAhead()), { once: true });
  }
  const field = form.querySelector("[contenteditable=true], textarea:not([hidden])");
  field?.focus();
  const { anchorNode, anchorOffset } = getSelection();
  const before = field?.value ? field.value[field.selectionStart - 1] : anchorNode?.textContent[anchorOffset - 1];
  if (text) document.execCommand("insertText", false, /\S/.test(before ?? "") ? ` ${text}` : text);
}

/** Go on behind what stands in an editor that has just come. */
function atEnd(form, text) {
  const field = form.querySelector("[contenteditable=true]");
  field?.focus();
  if (field) getSelection().selectAllChildren(field.lastElementChild ?? field);
  if (field) getSelection().collapseToEnd();
  resume(form, text);
}

/** Write an answer or a note: go back to its editor if it is open, and put away another one (it keeps its text). */
function write(kind, { text = "", selector = `#open-${kind}`, then = undefined, about = undefined } = {}) {
  const form = document.querySelector("#composer form[data-editor]");
  if (!form) return open(selector, text, then);
  if (form.dataset.editor === kind && [undefined, form.elements.about?.value].includes(about)) return resume(form, text);
  const mine = expect(text, CHANGING);
  const go = () => {
    const isOver = ahead !== mine || Date.now() > mine.until;
    if (!isOver && !document.querySelector(".composer-bar")) return; // a part of the editor has settled, not the bar
    document.body.removeEventListener("htmx:afterSettle", go); // not the composer's: an answer that leaves brings a new one
    if (!isOver) open(selector, typedAhead(), then);
  };
  document.body.addEventListener("htmx:afterSettle", go);
  form.querySelector("[data-act=shut]").click();
}

/** Ask for a snippet where one writes, or in an answer, as a macro goes with that alone: its list opens. */
export function writeSnippet(name, { isMacro }) {
  const form = document.querySelector("#composer form[data-rich]");
  const text = `/${name.split("/")[0].trim().slice(0, LONGEST)}`;
  if (form && !isMacro) resume(form, text);
  else write("reply", { text });
}

const choices = () => [...document.querySelectorAll("#composer form[data-editor=reply] [data-act=people]")];
const isChosen = (button) => button.getAttribute("aria-pressed") === "true";

/** To everybody; in an editor that is open already, to the other ones of "author alone" and "everybody". */
function replyToAll() {
  const there = choices();
  const toAll = () => choices().filter((each, at, all) => at === all.length - 1 && !isChosen(each)).at(0)?.click();
  if (there.length) (isChosen(there.at(-1)) ? there[0] : there.at(-1)).click();
  write("reply", { then: toAll });
}

/** Forward the mail in which the focus is, else the last that came. */
function forward() {
  const mails = [...document.querySelectorAll("#items > .card-mail:has(.mail-acts)")];
  const focused = document.activeElement?.closest(".card-mail:has(.mail-acts)");
  const mail = focused ?? mails.findLast((each) => !each.matches(".out, .outside")) ?? mails.at(-1);
  if (mail) write("outside", { selector: `#${mail.id} .mail-acts [data-writes]`, about: focused?.id.slice("mail-".length) });
  else toast(gettext("There is no mail here that you can forward."));
}

/** What is typed from here on is for the answer that comes back, but the same key once more. */
function undo() {
  const about = undoLast();
  if (about) expect("", OPENING, { about, again: "undo" });
}

function isAhead(event) {
  if (noneComes()) return false;
  event.preventDefault();
  const isAgain = ahead.again && !ahead.text && bound.get(event.key) === ahead.again;
  if (!isAgain) addAhead(event.key);
  return true;
}

function addAhead(key) {
  if (key.length === 1) ahead.text += key;
  if (key === "Enter") ahead.text += "\n";
}

const isTyping = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
const press = (selector) => document.querySelector(selector)?.click();

/** The row that keys are about: the one with the focus, else the open one. */
const current = (rows) => {
  const at = rows.findIndex((row) => row.closest("li") === document.activeElement?.closest("li"));
  return at >= 0 ? at : rows.findIndex((row) => row.hasAttribute("aria-current"));
};

function move(step) {
  const rows = [...document.querySelectorAll("#rows .row")];
  if (!rows.length) return null;
  const next = rows[Math.min(Math.max(current(rows) + step, 0), rows.length - 1)];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return next;
}

const closing = () => (areClosed() ? ["reopen", "not_spam", "close"] : ["close", "reopen", "not_spam"]);

/** Transfer what is selected, else the row that has the focus, else the conversation that is open. */
function handOver() {
  if (actOnSelected("transfer", "assign")) return null;
  const row = document.activeElement?.closest("#rows > li")?.querySelector(".row:not([aria-current])");
  const pk = row?.closest("li").id.slice("row-".length);
  if (!pk) return open('[data-key="a"]');
  expect("", OPENING);
  bring(`/conversations/${pk}/transfer?listed=1`, "#act-body");
}

/** Press a button of the head; if its menu can't be opened, say why. */
function pressTool(selector) {
  press(document.querySelector(selector) ? selector : '#tool-more > summary[aria-disabled="true"]');
}

function snooze() {
  const menu = document.getElementById("tool-snooze");
  if (menu?.querySelector(".menu-panel")) openMenu(menu);
  else press("#tool-snooze > summary");
}

/** Go to where the tags are put on. */
export function goToTags() {
  const side = document.getElementById("side");
  document.getElementById("tool-more")?.removeAttribute("open");
  if (side && !side.checkVisibility()) document.getElementById("desk").dataset.side = "open";
  document.getElementById("tag-name")?.focus();
}

function select(step) {
  const rows = [...document.querySelectorAll("#rows .row")];
  const from = rows[current(rows)];
  if (!step) return toggle(from ?? move(1));
  extend(from, move(step));
}

const COMMANDS = {
  next: () => move(1),
  previous: () => move(-1),
  open: () => document.activeElement?.matches(".row") && document.activeElement.click(),
  select: () => select(0),
  "select-next": () => select(1),
  "select-previous": () => select(-1),
  "select-all": selectShown,
  reply: () => write("reply"),
  note: () => write("note"),
  snippet: () => write("reply", { text: "/" }),
  "reply-all": replyToAll,
  forward,
  take: () => actOnSelected("take") || press('[data-key="t"]'),
  close: () => actOnSelected(...closing()) || press('[data-key="e"]'),
  transfer: handOver,
  snooze: () => actOnSelected("snooze") || snooze(),
  "await-customer": () => actOnSelected("pending") || pressTool("#tool-await-customer"),
  spam: () => actOnSelected("spam", "not_spam") || pressTool("#tool-spam, #tool-not-spam"),
  tag: () => actOnSelected("tag") || goToTags(),
  undo,
  follow: () => press('[data-key="f"]'),
  whisper: () => write("whisper"),
  contact: () => press('[data-key="v"]'),
  merge: () => press('[data-key="m"]'),
  compose: () => press("#compose"),
  offer: () => press("#offer-cards [data-accept]"),
  presence: openPresence,
  told: openTold,
  search: () => document.getElementById("q")?.focus(),
  "save-view": () => press("#save-view"),
  "take-next": () => press("#take-next"),
  queues: () => openPalette("#saved .nav-link, #queues .nav-link"),
  palette: () => openPalette(),
  help: () => document.getElementById("keys").showModal(),
};

/** What there is to do, by name. */
export const known = Object.keys(COMMANDS);

// What a command needs on the page; others can be done at any time.
const NEEDS = {
  take: '[data-key="t"]',
  close: '[data-key="e"]',
  snooze: "#tool-snooze",
  "await-customer": "#tool-await-customer",
  spam: "#tool-spam, #tool-not-spam",
  tag: "#tag-name",
  follow: '[data-key="f"]',
  contact: '[data-key="v"]',
  merge: '[data-key="m"]',
  reply: "#composer",
  note: "#composer",
  snippet: "#composer",
  "reply-all": "#composer",
  forward: ".mail-acts [data-writes]",
  undo: OFFERED,
  whisper: "#composer",
  compose: "#compose",
  offer: "#offer-cards [data-accept]",
  "take-next": "#take-next",
};

/** Whether it would do anything now. */
export const isPossible = (name) => !NEEDS[name] || Boolean(document.querySelector(NEEDS[name]));

/** Do what a line of the help says; "view-…" leads to that list. */
export function command(name) {
  if (COMMANDS[name]) return COMMANDS[name]();
  const link = document.getElementById(name);
  if (link) link.click();
  else toast(gettext("There is nothing in this list."));
}

const bound = new Map(), told = new Map();
for (const line of document.querySelectorAll("#keys [data-command]")) {
  for (const keys of line.dataset.keys.split("|")) {
    bound.set(keys, line.dataset.command);
    told.set(keys, line.textContent);
  }
}

/** The keys that may come after this one: those that lead to something now. */
function following(first) {
  const pairs = [...bound].filter(([keys, name]) => keys.startsWith(`${first} `) && document.getElementById(name));
  const named = (name) => document.querySelector(`#${name} > .clip`)?.textContent; // as the list itself is called
  return pairs.map(([keys, name]) => [keys.slice(first.length + 1), named(name) ?? told.get(keys)]);
}

const ARROWS = { ArrowDown: "↓", ArrowUp: "↑" };

function pressed(event) {
  if (!ARROWS[event.key]) return event.key;
  if (!event.target.closest?.("#rows")) return "";
  return event.shiftKey ? `Shift ${ARROWS[event.key]}` : { ArrowDown: "j", ArrowUp: "k" }[event.key];
}

/** Handle a key pressed in the page or inside a mail. */
export function onKey(event) {
  if (event.key === "Escape") return takeFirst() || leave(event);
  const isControl = event.ctrlKey || event.metaKey;
  if (event.key === "Enter" && isControl) return send(event);
  if (event.key === "k" && isControl && !event.target.closest?.("[contenteditable], dialog[open]")) {
    event.preventDefault();
    forgetKeys();
    return openPalette();
  }
  const aim = aimOf(event);
  if (isControl || event.altKey || isTyping(aim)) return;
  if (document.querySelector("dialog[open]") || isAhead(event)) return;
  if (event.key.length === 1 && !areKeysOn()) return;
  if (["Enter", " "].includes(event.key) && !areWaiting() && aim.closest?.("a:not(.row), button, summary, input")) return; // its own
  const key = pressed(event);
  const wanted = bound.get(`${takeFirst()} ${key}`) || bound.get(key);
  if (event.repeat && wanted && !HELD.has(wanted)) return event.preventDefault(); // held down it does one thing
  const isLater = waits(key, wanted, isSelecting());
  if (!isLater && !wanted && readOn(event)) return;
  if (isLater || (wanted && key !== "Enter")) event.preventDefault(); // Enter follows the link by itself
  if (!isLater && key !== "Enter") act(key, wanted);
}

const HELD = new Set(["next", "previous", "select-next", "select-previous"]);
const SCREENS = { " ": 1, PageDown: 1, PageUp: -1 };

/** Scroll the mails from elsewhere in the page, where nothing else would scroll; the list keeps its own keys but Space. */
function readOn(event) {
  const step = SCREENS[event.key] && (event.key === " " && event.shiftKey ? -1 : SCREENS[event.key]);
  const timeline = step && document.getElementById("timeline");
  const own = event.key === " " ? "#timeline, #side, #nav" : "#timeline, #side, #nav, #list";
  if (!timeline || event.target.closest?.(own)) return false;
  event.preventDefault();
  timeline.scrollBy({ top: step * 0.85 * timeline.clientHeight });
  return true;
}

function act(key, wanted) {
  if (wanted) command(wanted);
  else if (key === "g") wait(key, () => following(key));
}

// What has waited for a conversation: for the field that stands in it by now, for the editor that comes, or a command.
onArrival((key) => {
  const focused = document.activeElement;
  if (isTyping(focused)) return key.length === 1 && document.execCommand("insertText", false, key);
  if (!noneComes()) return addAhead(key);
  const wanted = bound.get(`${takeFirst()} ${key}`) || bound.get(key);
  if (waits(key, wanted, isSelecting())) return; // the key before it has asked for yet another
  if (wanted === "open" && focused.matches("a, button")) focused.click();
  else act(key, wanted);
});

function send(event) {
  const form = event.target.closest?.("form[data-editor]");
  if (!form) return;
  event.preventDefault();
  if (event.shiftKey && form.checkValidity()) takeNextAfter(form);
  const foot = form.querySelector(".editor-foot"); // not “Send all the same” above it
  form.requestSubmit((event.altKey && foot.querySelector("[name=close]")) || foot.querySelector("[type=submit]"));
}

function leave(event) {
  forgetKeys();
  const menu = document.querySelector("details:is(.menu, .why)[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (isTyping(event.target)) {
    if (event.target.id === "q") event.preventDefault(); // browsers would empty it
    event.target.blur();
    document.getElementById("conversation")?.focus({ preventScroll: true }); // from here Tab goes on
  } else if (document.querySelector(".side-shut")?.checkVisibility()) { // over the mails, on a narrow screen
    press(".side-shut");
    document.getElementById("conversation")?.focus({ preventScroll: true });
  } else if (isSelecting() && !document.querySelector("dialog[open]")) clearSelection();
  delete document.getElementById("desk").dataset.nav;
}
