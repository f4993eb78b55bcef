// Writing: an answer is saved to the server while it is typed, and kept in this browser until the server has it.
// A note is kept in this browser until it is added.
import { within } from "./dom.js";
import { typedAhead } from "./keys.js";
import { Picker, setMacro } from "./picker.js";
import { tellPlaces } from "./places.js";
import { makeChips, setPeople } from "./recipients.js";
import { saveSnippet } from "./saving.js";
import { ask, user } from "./session.js";
import { toast } from "./toasts.js";
import { attach, weigh } from "./uploads.js";
import { Writing } from "./writing.js";

const PAUSE = 1200; // after the last key
const LONGEST = 5000; // while typing on and on
const RETRY = 4000;
const NAMES = ["text", "html", "to", "cc", "subject", "queue", "macro"]; // what is kept while it is typed
const MARKS = ["token", "seen", "outside", "about"]; // what says which draft it is
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const editors = new WeakMap();

const keyOf = (kind, conversation) => `ucs:draft:${user}:${conversation}:${kind}`;

/** What was typed into a form and has not reached the server. */
export function unsaved(kind, conversation) {
  try {
    return JSON.parse(localStorage.getItem(keyOf(kind, conversation)));
  } catch {
    return null;
  }
}

class Editor {
  constructor(form) {
    this.form = form;
    this.kind = form.dataset.editor;
    this.key = keyOf(this.kind, form.dataset.conversation);
    this.text = form.elements.text;
    this.status = form.querySelector("[data-saved]");
    this.timer = 0;
    this.dirtySince = 0;
    this.saving = null;
    this.sending = false;
    this.writing = new Writing(form, { onChange: () => this.changed(), onMove: () => this.picker?.look(), onKey: (event) => this.picker?.key(event) });
    if (form.dataset.rich) this.picker = new Picker(form, this.writing);
    this.text.addEventListener("desk:macro", () => this.changed());
    this.restore();
    this.ready = this.writing.start().then(() => tellPlaces(form, this.writing));
    for (const box of form.querySelectorAll("[data-chips]")) {
      makeChips(box, () => {
        this.changed();
        form.dispatchEvent(new Event("people"));
      });
    }
    form.elements.subject?.addEventListener("input", () => this.changed());
    form.elements.queue?.addEventListener?.("change", () => this.changed());
    if (form.dataset.room) form.addEventListener("change", () => weigh(form));
    if (form.dataset.files) attach(form, this.writing, () => this.save());
    weigh(form);
  }

  restore() {
    const kept = unsaved(this.kind, this.form.dataset.conversation);
    const isSame = (name) => (kept[name] ?? "") === (this.form.elements[name]?.value ?? "");
    if (!kept || (isSame("text") && isSame("html") && !kept.to)) return;
    for (const name of NAMES) {
      if (kept[name] !== undefined && this.form.elements[name]) this.form.elements[name].value = kept[name];
    }
    if (kept.macro) this.attachMacro(kept.macro);
    if (kept.html || kept.text) this.form.dataset.format = kept.html ? "rich" : "plain";
    if (kept.text) this.text.hidden = false;
    this.say("Restored from this browser");
    if (this.form.dataset.draft) this.plan(0);
  }

  async attachMacro(id) {
    this.form.elements.macro.value = "";
    const answer = await ask(`/conversations/${this.form.dataset.conversation}/macros/${id}/prepare`).catch(() => null);
    if (answer?.ok) setMacro(this.form, await answer.json());
  }

  values() {
    const names = NAMES.filter((name) => this.form.elements[name]);
    return Object.fromEntries(names.map((name) => [name, this.form.elements[name].value]));
  }

  changed() {
    localStorage.setItem(this.key, JSON.stringify(this.values()));
    tellPlaces(this.form, this.writing);
    this.say("");
    if (!this.form.dataset.draft) return;
    this.dirtySince ||= Date.now();
    this.plan(Math.max(0, Math.min(PAUSE, LONGEST - (Date.now() - this.dirtySince))));
  }

  plan(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
  }

  async save({ keepalive = false } = {}) {
    clearTimeout(this.timer);
    if (!this.form.dataset.draft || this.sending || !this.form.isConnected) return;
    if (this.saving) return this.plan(300);
    const sent = this.values();
    this.dirtySince = 0;
    const body = new URLSearchParams(sent);
    for (const name of MARKS) if (this.form.elements[name]) body.set(name, this.form.elements[name].value);
    this.saving = ask(this.form.dataset.draft, { method: "POST", body, keepalive });
    try {
      await this.saved(await this.saving, sent);
    } catch {
      this.failed();
    } finally {
      this.saving = null;
    }
  }

  async saved(answer, sent) {
    if (answer.status === 409) return this.say(await answer.text(), true);
    if (!answer.ok) return this.failed();
    if (JSON.stringify(this.values()) !== JSON.stringify(sent)) return; // typed on meanwhile: saved next
    localStorage.removeItem(this.key);
    this.say(`Saved ${clock.format(new Date())}`);
  }

  failed() {
    this.say("Not saved – retrying", true);
    this.plan(RETRY);
  }

  say(words, isBad = false) {
    if (!this.status) return;
    this.status.textContent = words;
    this.status.classList.toggle("bad", isBad);
  }

  forget() {
    clearTimeout(this.timer);
    this.sending = true;
    localStorage.removeItem(this.key);
  }
}

/** Give life to the editors below `root`, and open the ones whose text waits in this browser. */
export function startEditors(root) {
  for (const form of within(root, "form[data-editor]")) {
    if (editors.has(form)) continue;
    const editor = new Editor(form);
    editors.set(form, editor);
    if (form.querySelector("[data-focus]")) editor.ready.then(() => form.isConnected && editor.writing.focus(typedAhead()));
  }
  const [article] = within(root, "article[data-conversation]");
  if (!article || article.querySelector("form[data-editor]")) return;
  const { conversation } = article.dataset;
  for (const kind of ["reply", "note"]) {
    if (unsaved(kind, conversation)) return document.getElementById(`open-${kind}`)?.click();
  }
}

/** Save now what is being written, as the page may be going away. */
export async function saveAll(options) {
  const dirty = [...document.querySelectorAll("form[data-editor]")].map((form) => editors.get(form)).filter((editor) => editor?.dirtySince);
  await Promise.all(dirty.map((editor) => editor.save(options)));
}

function editorOf(element) {
  const form = element.closest?.("form[data-editor]");
  return form && editors.get(form);
}

document.body.addEventListener("htmx:confirm", async (event) => {
  const editor = editorOf(event.target);
  if (!editor || (event.target !== editor.form && !("discard" in event.target.dataset))) return;
  event.preventDefault();
  if (editor.form.querySelector("[data-loading]")) {
    toast("A file is still being uploaded: wait for it, or remove it.", { error: true });
    return;
  }
  if (event.target === editor.form && editor.form.querySelector(".file.failed")) {
    toast("A file could not be attached: remove it from the list to send without it.", { error: true });
    return;
  }
  const [open] = event.target === editor.form ? tellPlaces(editor.form, editor.writing) : [];
  if (open) {
    toast(`Fill in ${open} before it leaves.`, { error: true });
    editor.writing.select(open);
    return;
  }
  if (event.target === editor.form && weigh(editor.form)) {
    toast(weigh(editor.form), { error: true });
    return;
  }
  clearTimeout(editor.timer);
  await editor.saving?.catch(() => {}); // a save that overtakes the answer would be a draft again
  editor.sending = true;
  event.detail.issueRequest();
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  const { elt } = event.detail.requestConfig; // the event itself comes from what is still on the page
  const editor = editorOf(elt);
  if (!editor) return;
  const isDone = event.detail.successful && (elt === editor.form || "discard" in elt.dataset);
  if (isDone) editor.forget();
  else {
    editor.sending = false;
    editor.changed();
  }
});

/** Put other people into To and Cc, as the button says. */
export function choosePeople(button) {
  const form = button.closest("form[data-editor]");
  setPeople(form.querySelector("[name=to]"), button.dataset.to);
  setPeople(form.querySelector("[name=cc]"), button.dataset.copies);
  form.querySelector("[data-cc]").hidden = !button.dataset.copies;
  for (const each of form.querySelectorAll("[data-act=people]")) each.setAttribute("aria-pressed", String(each === button));
}

/** Take a file out of the draft, and out of the text if it is a picture there. */
export async function removeFile(button) {
  const answer = await ask(button.dataset.url, { method: "DELETE" });
  if (!answer.ok) return;
  const line = button.closest("li"), form = line.closest("form");
  editorOf(form).writing.removePicture(line);
  line.remove();
  editorOf(form).changed();
  weigh(form);
}

/** With formatting, or without. */
export const changeFormat = (button) => editorOf(button).writing.toggle();

/** Send the answer without what the macro does. */
export const dropMacro = (button) => setMacro(button.closest("form[data-editor]"), null);

/** Keep what is marked as a snippet. */
export const keepSnippet = (button) => saveSnippet(editorOf(button).writing);

/** Close the editor; an answer is kept as a draft. */
export async function shut(button) {
  const form = button.closest("form[data-editor]");
  const editor = editors.get(form);
  if (editor.dirtySince) await editor.save();
  if (editor.kind === "note" && !editor.text.value.trim()) editor.forget();
  clearTimeout(editor.timer);
  if (form.dataset.bar) htmx.ajax("GET", form.dataset.bar, { target: "#composer", swap: "innerHTML" });
}
