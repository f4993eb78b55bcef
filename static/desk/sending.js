// Sending what is written, and discarding it: what is asked before, and what comes of the answer.
import { isDone } from "./dom.js";
import { editorOf } from "./editor.js";
import { isNextAsked } from "./onward.js";
import { tellPlaces } from "./places.js";
import { showInstead } from "./stranded.js";
import { toast } from "./toasts.js";
import { areOut, weigh } from "./uploads.js";
import { fill, gettext } from "../words.js";

const READING = 700; // the second half of a double click is no answer to what appeared under it

document.body.addEventListener("htmx:afterSwap", (event) => {
  const button = event.detail.target.id === "warning" && event.detail.target.querySelector("[data-seen]");
  if (!button) return;
  button.disabled = true;
  setTimeout(() => (button.disabled = false), READING);
});
// Nor is it one to what took the editor's place.
document.addEventListener("click", (event) => {
  if (event.detail < 2 || !event.target.closest(".composer-bar")) return;
  event.preventDefault();
  event.stopPropagation();
}, true);
document.body.addEventListener("htmx:confirm", async (event) => {
  const editor = editorOf(event.target);
  if (!editor || (event.target !== editor.form && !("discard" in event.target.dataset))) return;
  event.preventDefault();
  const menu = event.target === editor.form && editor.form.querySelector("details.sends[open]");
  if (menu && menu.contains(document.activeElement)) editor.form.querySelector(".editor-foot [type=submit]").focus();
  if (menu) menu.open = false;
  editor.takesNext = event.target === editor.form && isNextAsked(editor.form);
  await editor.picker?.coming; // a snippet that is on its way belongs to it
  const isOut = await areOut(editor.form);
  if (event.target === editor.form && !isOut) return;
  if (editor.form.querySelector("[data-loading]")) {
    toast(gettext("A file is still being uploaded: wait for it, or remove it."), { error: true });
    return;
  }
  if (event.target === editor.form && editor.form.querySelector(".file.failed")) {
    toast(gettext("A file could not be attached: remove it from the list to send without it."), { error: true });
    return;
  }
  const [open] = event.target === editor.form ? tellPlaces(editor.form, editor.writing) : [];
  if (open) {
    toast(fill(gettext("Fill in %(place)s before it leaves."), { place: open }), { error: true });
    editor.writing.select(open);
    return;
  }
  if (event.target === editor.form && weigh(editor.form)) {
    toast(weigh(editor.form), { error: true });
    return;
  }
  // Where there is a way to go on with it; what else stands in the way, the server says.
  if (event.target === editor.form && editor.form.querySelector("[data-conflict] :is([data-kept=mine], [data-kept=anew])")) {
    toast(gettext("Choose first what becomes of the other text: it is asked above this one."), { error: true });
    return;
  }
  clearTimeout(editor.timer);
  editor.asked = document.activeElement;
  editor.submitter = event.detail.triggeringEvent?.submitter; // htmx forgets it when it loses the focus meanwhile
  editor.leaving = true;
  await editor.saving; // a save that overtakes the answer would be a draft again
  if (!editor.form.isConnected) return editor.sending || tellLeft(editor, event.target === editor.form); // what has left, another click sent
  editor.sending = true;
  event.detail.issueRequest();
});

/** Another conversation has been opened while a save was awaited. */
function tellLeft(editor, isMeantToLeave) {
  editor.leaving = false;
  if (isMeantToLeave) toast(gettext("It was not sent, as you went on to something else: it is kept as a draft."), { error: true });
}

document.body.addEventListener("htmx:configRequest", ({ target, detail: { parameters } }) => {
  const editor = target.matches("form") && editorOf(target);
  if (!editor) return;
  const { name, value, dataset: { seen, note, close } = {} } = editor.submitter ?? {};
  if (name) parameters[name] = value;
  if (seen !== undefined) Object.assign(parameters, { seen, seen_note: note, ...(close ? { close } : {}) }); // “all the same”
  if (target.dataset.draft) for (const [key, each] of Object.entries(editor.knows())) parameters[key] = each;
});

// Other words than these have left with this one's mark, or are saved: what to ask, the answer to a save tells.
document.body.addEventListener("desk:unsettled", ({ target }) => {
  const editor = editorOf(target);
  if (editor) editor.saving = editor.store();
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  const { elt } = event.detail.requestConfig; // the event itself comes from what is still on the page
  const editor = editorOf(elt);
  if (!editor || (elt !== editor.form && !("discard" in elt.dataset))) return; // what is asked beside it changes nothing
  editor.leaving = false;
  if (isDone(event.detail)) {
    editor.forget();
    if (editor.takesNext && !editor.form.isConnected) document.getElementById("take-next")?.click();
    if (elt.dataset.discard) showInstead(editor.form, elt.dataset.discard); // an empty one
  } else {
    editor.sending = false;
    editor.changed();
    // The button was disabled while it was tried: the focus fell to the page, and the next Ctrl + Enter on nothing.
    if (!document.activeElement?.closest("form, dialog")) editor.asked?.focus({ preventScroll: true });
  }
});

// Not asked for at all, or answered with what could not be read.
for (const name of ["htmx:validation:halted", "htmx:onLoadError"]) {
  document.body.addEventListener(name, ({ target }) => {
    const editor = editorOf(target);
    if (editor) Object.assign(editor, { leaving: false, sending: false });
  });
}

// In the field for a time Enter is for that time: the form's first button would send at once.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.("form[data-editor] [data-local]")) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // with Ctrl it would send at once, too
  event.target.closest(".menu-panel").querySelector("[data-act=at]").click();
});
