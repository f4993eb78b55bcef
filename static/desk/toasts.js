// Short messages at the bottom: what happened, what was refused and why, what can be undone.
import { tellTimes } from "./times.js";
import { gettext } from "../words.js";

const shelf = document.getElementById("toasts");
const MOST = 4;

/** Show a sentence; an error stays longer. */
export function toast(text, { error = false } = {}) {
  const last = shelf.lastElementChild;
  if (last && last.dataset.text === text) last.remove();
  const element = document.createElement("div");
  element.className = error ? "toast error" : "toast";
  element.dataset.seconds = error ? "9" : "5";
  element.dataset.text = text;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.dataset.act = "dismiss";
  close.setAttribute("aria-label", gettext("Dismiss"));
  close.textContent = "×";
  element.append(words, close);
  shelf.append(element);
}

function arm(element) {
  tellTimes(element);
  const seconds = Number(element.dataset.seconds);
  if (!seconds) return;
  const leave = () => {
    if (element.matches(":hover, :focus-within")) return void setTimeout(leave, 2000);
    element.dispatchEvent(new Event("desk:over", { bubbles: true }));
    element.remove();
  };
  setTimeout(leave, seconds * 1000);
}

/** Over a dialog that is open: below it nobody would read why nothing happens. */
function raise() {
  if (shelf.matches(":popover-open")) shelf.hidePopover();
  const isBelow = shelf.childElementCount && document.querySelector("dialog:modal");
  shelf.popover = isBelow ? "manual" : null;
  if (isBelow) shelf.showPopover();
}

new MutationObserver((changes) => {
  for (const element of changes.flatMap((change) => [...change.addedNodes])) {
    if (element.nodeType === Node.ELEMENT_NODE) arm(element);
  }
  while (shelf.children.length > MOST) shelf.firstElementChild.remove();
  raise();
}).observe(shelf, { childList: true });

// Taken back in the conversation itself: the toast that offers the same has nothing to offer any more.
function settled(message) {
  shelf.querySelector(`[hx-post^="/messages/${message}/undo"]`)?.closest(".toast").remove();
}
document.body.addEventListener("desk:undone", ({ detail }) => settled(detail.message));
// When a live update has taken the button away first, its answer's event reaches nobody: the target tells it too.
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const path = detail.requestConfig?.path ?? "";
  const undone = detail.xhr?.status === 200 && /^\/messages\/(\d+)\/undo/.exec(path);
  if (undone) settled(undone[1]);
  if (detail.xhr?.status === 200 && /^\/bulk\/\d+\/put-back/.test(path)) shelf.querySelector(`[hx-post="${path}"]`)?.closest(".toast").remove();
});

// When a live update has taken the button away whose answer this is, htmx looks for the shelf where the button is now: nowhere.
document.body.addEventListener("htmx:oobErrorNoTarget", ({ detail }) => {
  const toasts = [...(detail.content?.children ?? [])].filter((each) => each.matches(".toast"));
  shelf.append(...toasts);
  toasts.forEach((each) => htmx.process(each));
});

// A refusal whose button a live update has taken away: htmx looks for the place of its words beside the button, too.
const heard = new WeakSet();
document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => {
  if (!heard.has(elt)) elt.addEventListener("htmx:beforeOnLoad", tellAllTheSame);
  heard.add(elt);
});

function tellAllTheSame(event) {
  const { elt, xhr } = event.detail;
  if (event.target !== event.currentTarget || elt.isConnected || xhr.status !== 409) return;
  event.preventDefault();
  const words = new DOMParser().parseFromString(xhr.response, "text/html").body.querySelector("p")?.textContent;
  if (words) toast(words, { error: true });
}
