// The desk: wires the parts together. Pages and fragments come from the server, by htmx.
import "./announce.js";
import "./patch.js";
import "./dialogs.js";
import { editorOf, saveAll, settleAll, startEditors } from "./editor.js";
import { within } from "./dom.js";
import { askFor } from "./find.js";
import { openFound, paintFound, paintFrame } from "./found.js";
import { preview, step } from "./preview.js";
import { fitFrames, showPictures } from "./frames.js";
import "./badge.js";
import { goToTags, onKey } from "./keys.js";
import { beforeLeaving } from "./leaving.js";
import { hearOffer } from "./offers.js";
import { startLive, throttled } from "./live.js";
import { takeNextAfter } from "./onward.js";
import { startPage } from "./page.js";
import { answers, remember } from "./patch.js";
import { beat, startPresence } from "./presence.js";
import "./sending.js";
import "./session.js";
import { setSnoozeTimes } from "./snooze.js";
import { tellTimes } from "./times.js";
import "./mentions.js";
import { toast } from "./toasts.js";
import { hearTold } from "./told.js";
import { changeFormat, choosePeople, dropFile, dropMacro, keepSnippet, shut } from "./toolbar.js";
import { hearWatched } from "./watching.js";
import { fill, gettext } from "../words.js";

const THROTTLE = 500;
const SELDOM = 15_000; // for a page that nobody sees but its title
const MOST_ROWS = 1000; // that a live update reads again
const LEGIBLE = 200; // in less height nobody reads a mail
const NEAR = 160; // this close to the end, a reader wants to see what comes
const desk = document.getElementById("desk");
const countRows = () => document.querySelectorAll("#rows .row").length;
const opened = () => document.querySelector("article[data-conversation]")?.dataset.conversation;
let isStale = false;

/* What is new on the page */

function markOpened() {
  const current = document.querySelector(`#row-${opened() ?? 0} .row`);
  for (const row of document.querySelectorAll("#rows .row[aria-current]")) if (row !== current) row.removeAttribute("aria-current");
  current?.setAttribute("aria-current", "true");
}

/** The page is called as what is open on it; the number before that is of offers.js. */
function entitle() {
  const name = document.querySelector("article[data-subject]")?.dataset.subject ?? document.getElementById("list-name").textContent;
  const [count] = document.title.match(/^\(\d+\) /) ?? [""];
  const wanted = `${count}${name} · UCS Email`;
  if (document.title !== wanted) document.title = wanted;
}

let shown = null, sought = "";
function arrive(isOpening = false) {
  entitle();
  const article = document.querySelector("article[data-conversation]");
  const find = article?.dataset.find ?? "";
  if (article === shown) {
    if (isOpening && find && find !== sought) openFound();
    sought = find;
    return;
  }
  shown = article;
  sought = find;
  const letters = [...document.querySelectorAll("#items details.mail[open]")];
  const timeline = document.getElementById("timeline");
  const last = letters.at(-1);
  if (!openFound() && timeline && last) timeline.scrollTop = last.offsetTop - timeline.offsetTop - 16;
  if (article && matchMedia("(max-width: 719px)").matches) article.querySelector("h1")?.focus({ preventScroll: true });
}

const followed = new ResizeObserver(([entry]) => {
  const element = entry.target, height = entry.contentRect.height;
  if (element.dataset.height) element.scrollTop += Math.max(0, Number(element.dataset.height) - height); // an editor opened below
  element.dataset.height = String(height);
});

function enliven(root) {
  for (const timeline of within(root, "#timeline")) followed.observe(timeline);
  tellTimes(root);
  setSnoozeTimes(root);
  fitFrames(root, onKey, paintFrame);
  showPictures(root);
  startEditors(root);
}

// An answer to something that is no longer on the screen must not bring it back; its toasts are shown all the same.
const isRetold = ({ elt, verb, target }) => target?.id === "conversation" && opened() && (verb !== "get" || elt.id === "refresh-conversation");
const listed = () => new URLSearchParams(new FormData(document.querySelector("#list .search"))).toString();
const asked = new WeakMap();
let acts = 0; // that were answered: what was read before may be older
let forComposer = null; // the latest request for it: what was asked before and comes after must not take its place
document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { requestConfig, elt, target } = event.detail;
  const swap = elt.closest("[hx-swap]")?.getAttribute("hx-swap");
  if (target.id === "composer") forComposer = requestConfig;
  const isAbout = elt.closest("article[data-conversation]") || elt.matches("#toasts [hx-post]");
  asked.set(requestConfig, { swap, isAbout, conversation: opened(), list: target.id === "rows" && listed(), rows: elt.id === "refresh" && countRows(), acts });
});
document.body.addEventListener("htmx:afterRequest", ({ detail: { requestConfig } }) => {
  if (requestConfig.verb !== "get") acts += 1;
});
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const from = asked.get(event.detail.requestConfig);
  const { elt } = event.detail.requestConfig;
  answers(elt);
  if (from?.swap && !elt.isConnected) {
    // What asked has left the page meanwhile: htmx would no longer find how to swap, and throw an open editor away.
    elt.setAttribute("hx-ext", "patch");
    event.detail.swapOverride = from.swap;
  }
  if (from?.isAbout && from.conversation !== opened()) event.detail.swapOverride = "none";
  if (event.detail.target.id === "composer" && event.detail.requestConfig !== forComposer) event.detail.shouldSwap = false;
  if (from?.list && from.list !== listed()) event.detail.shouldSwap = false;
  if (elt.id === "refresh-conversation" && from && from.acts !== acts) {
    event.detail.shouldSwap = false;
    refreshConversation();
  }
  if (from?.rows && from.rows < countRows()) { // more of it has come since: it would be cut off
    event.detail.shouldSwap = false;
    refreshList();
  }
  saveAll();
});
document.body.addEventListener("htmx:afterSwap", ({ detail: { requestConfig } }) => {
  markOpened();
  arrive(requestConfig?.elt.matches("a, #rows"));
  paintFound();
});
/* More of the list: who asks for it by key goes on at the first that came. */
let lastRow = null;
document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (!elt.matches("#more .more")) return;
  lastRow = elt === document.activeElement ? elt.closest("li").previousElementSibling : null;
  if (countRows() < MOST_ROWS) return;
  event.preventDefault();
  if (requestConfig.triggeringEvent?.type === "click") toast(gettext("More than a thousand are too many to read: search, or choose another order."));
});
document.body.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (!lastRow || !detail.requestConfig.elt.matches(".more")) return;
  const next = lastRow.nextElementSibling?.querySelector(".row, button") ?? lastRow.querySelector(".row");
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
  lastRow = null;
});
// What had the focus may be gone: from the body, Tab would begin at the top of the page.
document.body.addEventListener("htmx:afterSettle", ({ target }) => {
  if (document.activeElement !== document.body || document.querySelector("dialog[open]")) return;
  const heir = target.closest?.("[data-heir]")?.dataset.heir ?? "conversation";
  document.getElementById(heir)?.focus({ preventScroll: true });
});
document.body.addEventListener("htmx:load", (event) => {
  enliven(event.target);
  if (event.target.matches('#items > [id^="mail-"]')) announce(event.target);
});

function announce(mail) {
  const name = mail.querySelector(".from b")?.textContent ?? gettext("us");
  document.getElementById("news").textContent = fill(gettext("New in this conversation: a mail from %(name)s"), { name });
  const timeline = document.getElementById("timeline");
  const below = timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight;
  if (below < mail.offsetHeight + NEAR) timeline.scrollTop = mail.offsetTop - timeline.offsetTop - 16;
}

const newestShown = (kind) => Math.max(0, ...[...document.querySelectorAll(`#items > [id^="${kind}-"]`)].map((item) => Number(item.id.slice(kind.length + 1))));

/* Live updates */

const refreshList = throttled(() => htmx.trigger("#refresh", "desk:list"), THROTTLE);
const countOn = throttled(refreshList, SELDOM);
const refreshConversation = throttled(() => {
  const element = document.getElementById("refresh-conversation");
  if (element) htmx.trigger(element, "desk:conversation");
}, THROTTLE);

function onChange(hint) {
  if (hint.told?.includes(Number(document.body.dataset.agent))) refreshList(); // the number of mentions
  if (hint.presence || hearTold(hint) || hearWatched(hint)) return; // of interest on the board, or for a part of the page
  hearOffer(hint);
  if (document.hidden) {
    isStale = true;
    countOn();
    return;
  }
  refreshList();
  if (hint.conversation === undefined || String(hint.conversation) === opened()) refreshConversation();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return saveAll({ isLeaving: true });
  beat();
  if (isStale) onChange({});
  isStale = false;
});
addEventListener("pagehide", () => saveAll({ isLeaving: true }));

document.body.addEventListener("htmx:configRequest", (event) => {
  const { elt, parameters } = event.detail;
  if (elt.id === "refresh") parameters.rows = String(countRows());
  if (isRetold(event.detail)) parameters.older = document.getElementById("older")?.dataset.depth ?? "all"; // what was unfolded stays
  if ("discard" in elt.dataset) event.detail.parameters = editorOf(elt).marks(); // not its words: they would stand in the address
  if ("writes" in elt.dataset) {
    parameters.shown = String(newestShown("mail")); // what comes while the editor loads was not read
    parameters.shown_note = String(newestShown("note"));
  }
  if (elt.matches(".tools form") && parameters.local) parameters.until = new Date(parameters.local).toISOString();
});

/* Buttons that only concern this page */

const ACTS = {
  side() {
    const side = document.getElementById("side");
    desk.dataset.side = side.checkVisibility() ? "closed" : "open";
  },
  tags: goToTags,
  ask: askFor,
  preview,
  previous: () => step(-1),
  following: () => step(1),
  older() {
    document.getElementById("items").addEventListener("htmx:load", (event) => event.target.querySelector("summary, button")?.focus({ preventScroll: true }), { once: true });
  },
  shut,
  cc(button) {
    const line = button.closest("form").querySelector("[data-cc]");
    line.hidden = false;
    button.remove();
    line.querySelector("input:not([type=hidden])").focus();
  },
  people: choosePeople,
  format: changeFormat,
  snippet: keepSnippet,
  "send-next": (button) => button.form.checkValidity() && takeNextAfter(button.form),
  "drop-macro": dropMacro,
  "remove-file": dropFile,
  at(button, event) {
    const { value } = button.closest(".menu-panel").querySelector("[data-local]");
    if (value) button.value = new Date(value).toISOString();
    else {
      event.preventDefault();
      toast(gettext("Choose a day and a time."));
    }
  },
  look(button) {
    const { at, reads, newest } = button.dataset, editor = editorOf(button);
    editor.form.elements[reads].value = newest; // with it in sight, the answer may leave
    editor.changed();
    const shown = document.getElementById(at);
    if (shown?.matches("details")) shown.open = true;
    shown?.scrollIntoView({ block: "start" });
    const isLow = document.getElementById("timeline").clientHeight < LEGIBLE;
    if (isLow) shut(button); // the answer is kept, and comes back with its key
  },
};

document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, target } }) => {
  const tools = elt.closest?.(".tools");
  tools?.querySelector("details.menu[open]")?.removeAttribute("open");
  // A dialog gives the focus back to its button; what comes by itself leaves it where it is.
  if (target.id !== "act-body" && tools?.contains(document.activeElement)) document.activeElement.blur();
});
document.addEventListener("keydown", onKey);

remember(document.body);
markOpened();
arrive();
paintFound();
startPage(ACTS);
beforeLeaving(settleAll);
startLive(onChange);
startPresence();
