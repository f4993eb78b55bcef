// Writing: what is typed is saved to the server meanwhile, and kept in this browser until the server has it.
import { isDone, within } from "./dom.js";
import { keep, keptAs, keyOf, ON_THE_WAY, throwAway, tidy, unsaved } from "./keeping.js";
import { showKept } from "./kept.js";
import { isAwaited, typedAhead } from "./keys.js";
import { Picker, read, setMacro } from "./picker.js";
import { tellLanguage } from "./language.js";
import { tellPlaces } from "./places.js";
import { makeChips, setPeople } from "./recipients.js";
import { ask } from "./session.js";
import { askForStranded, showInstead } from "./stranded.js";
import { toast } from "./toasts.js";
import { attach, weigh } from "./uploads.js";
import { Writing } from "./writing.js";
import { fill, gettext, locale } from "../words.js";

const PAUSE = 1200; // after the last key
const LONGEST = 5000; // while typing on and on
const RETRY = 4000;
const LIGHT = 30_000; // bytes that may outlive their page, whenever they left: browsers let 64 KiB do so at once
const SETTLING = 3; // times that what is typed while a save is under way is saved before signing out
const NAMES = ["text", "html", "to", "cc", "subject", "queue", "macro"]; // what is kept while it is typed
const MARKS = ["token", "seen", "seen_note", "outside", "about", "audience"]; // what says which draft it is
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const TYPING = ["keydown", "beforeinput", "paste", "drop"];
const editors = new WeakMap();
let leftAt = -Infinity; // when another page was asked for, in whose place this one still works
let unasked = null; // the button that was pressed here, not by a person

class Editor {
  constructor(form) {
    this.form = form;
    this.kind = form.dataset.editor;
    this.number = form.closest("article")?.dataset.number ?? "";
    this.key = keyOf(this.kind, form.dataset.conversation);
    this.text = form.elements.text;
    this.status = form.querySelector("[data-saved]");
    this.timer = 0;
    this.dirtySince = 0;
    this.saving = null; // the promise of a save that is under way, and of what comes of it
    this.saves = 0; // how many there were, so that a page in place of this one knows which text it has
    this.hasFailed = false;
    this.sending = false; // or given up
    this.leaving = false; // from the moment that it is sent until the server has answered
    this.isDisputed = false; // until a person has said which of two texts stays
    this.other = null; // the one of them that is in this browser alone and not in the field
    this.window = crypto.randomUUID();
    this.before = ""; // the window whose text this one has taken
    this.version = Number(form.dataset.version ?? 0);
    this.writing = new Writing(form, { onChange: () => this.changed(), onMove: () => this.picker?.look(), onKey: (event) => this.picker?.key(event) });
    if (form.dataset.rich) this.picker = new Picker(form, this.writing);
    this.text.addEventListener("desk:macro", () => this.changed());
    for (const kind of TYPING) form.addEventListener(kind, (event) => this.leaves(event), { capture: true });
    if (document.activeElement !== this.text) this.text.setSelectionRange(this.text.value.length, this.text.value.length); // one goes on at the end
    this.restore();
    this.ready = this.writing.start().then(() => {
      tellPlaces(form, this.writing);
      if (this.isTypedIn() && !this.isDisputed) this.changed();
    });
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
    if (!kept) return;
    if (kept.isMore && this.text.value.trim()) kept.text = `${this.text.value}\n\n${kept.text}`;
    this.goOn(kept);
    if (kept.isMore && !this.isDisputed) this.keep(); // from here on it is one text
    if (kept.other && !this.isDisputed) this.ask(kept.other);
  }

  goOn(kept) {
    const isSame = (name) => (kept[name] ?? "") === (this.form.elements[name]?.value ?? "");
    const isBehind = kept.version > this.version && (!this.version || kept.token === this.form.elements.token?.value);
    if (kept.savedAt && !isBehind) return throwAway(this.key);
    if (isBehind) this.version = kept.version;
    const isAll = ["text", "html"].every(isSame);
    if (NAMES.every((name) => kept[name] === undefined || isSame(name))) {
      if (this.version && !kept.other) throwAway(this.key); // its last save came through, though nobody heard the answer
      return this.succeed(kept);
    }
    const isNewer = isBehind || kept.version === undefined || kept.version === this.version || kept.window === this.form.dataset.window;
    if (isAll && !isNewer) return throwAway(this.key);
    const isOther = this.isTypedIn() || (!isNewer && (this.text.value || this.form.elements.html?.value));
    if (isOther && !isAll) this.ask(kept);
    else this.take(kept);
  }

  /** Whether somebody was faster than the scripts of the page, or the browser has put words back itself. */
  isTypedIn() {
    return this.text.value !== this.text.defaultValue;
  }

  /** Another window has saved something since this browser kept its text. */
  ask(kept) {
    this.isDisputed = true;
    this.other = kept;
    const settle = () => Object.assign(this, { isDisputed: false, other: null });
    const acts = {
      other: () => {
        settle();
        this.take(kept);
        this.writing.restart();
        if (kept.other) this.ask(kept.other);
      },
      mine: () => {
        settle();
        throwAway(this.key);
        if (!this.isTypedIn() && !this.taken) return;
        this.succeed(kept); // a save that it had under way is what was thrown away
        this.changed();
      },
    };
    showKept(this.form.querySelector("[data-conflict]"), "here", { other: kept.html || kept.text, acts });
  }

  take(kept) {
    for (const name of NAMES) {
      if (kept[name] !== undefined && this.form.elements[name]) this.form.elements[name].value = kept[name];
    }
    this.showPeople();
    // Without a draft it may have been sent, and the answer was lost on the way: under its own mark it is sent once.
    if (kept.token && !Number(this.form.dataset.version) && this.form.elements.token) this.form.elements.token.value = kept.token;
    this.taken = JSON.stringify(this.values());
    this.succeed(kept); // what it still had under way when it went is no other text
    if (kept.macro) this.picker.coming = this.attachMacro(kept.macro);
    else if (kept.macro === "") this.form.querySelector("[data-macro]").hidden = true;
    if (kept.html || kept.text) this.form.dataset.format = kept.html ? "rich" : "plain";
    if (kept.text) this.text.hidden = false;
    this.say(gettext("Restored from this browser"));
    this.plan(0);
  }

  /** Show those to whom it goes now. */
  showPeople() {
    for (const name of ["to", "cc"]) if (this.form.elements[name]) setPeople(this.form.elements[name], this.form.elements[name].value);
    const copies = this.form.querySelector("[data-cc]");
    if (this.form.elements.cc?.value) copies.hidden = false;
  }

  /** Go on in place of the window that has kept this: what that one had saved, or sent to be, by then is known. */
  succeed(kept) {
    this.heirOf = this.before = kept.window ?? "";
    this.heirSaves = kept.saves ?? 0;
  }

  async attachMacro(id) {
    this.form.querySelector("[data-macro]").hidden = true;
    this.form.elements.macro.value = "";
    const answer = await ask(`/conversations/${this.form.dataset.conversation}/macros/${id}/prepare`).catch(() => null);
    const prepared = answer?.ok && (await read(answer));
    if (prepared) setMacro(this.form, prepared);
    else toast(gettext("The macro could not be loaded: try again."), { error: true });
  }

  values(names = NAMES) {
    return Object.fromEntries(names.filter((name) => this.form.elements[name]).map((name) => [name, this.form.elements[name].value]));
  }

  changed() {
    if (this.sending && !this.leaving) {
      if (!this.form.isConnected) return;
      this.sending = false; // nothing came in place of what was given up, and somebody writes on
    }
    if (this.isDisputed && !this.form.querySelector("[data-conflict]").firstElementChild) this.isDisputed = false;
    this.keep();
    tellPlaces(this.form, this.writing);
    this.say("");
    this.dirtySince ||= Date.now();
    this.plan(Math.max(0, Math.min(PAUSE, LONGEST - (Date.now() - this.dirtySince))));
  }

  keep(more = {}) {
    return keep(this.key, { ...this.values(), number: this.number, version: this.version, window: this.window, saves: this.saves, token: this.form.elements.token?.value, other: this.other ?? undefined, ...more });
  }

  /** While a person is asked, its words are saved nowhere else, and another tab may have put its own in their place. */
  hold() {
    if (!this.isDisputed || this.sending) return;
    if (this.other && !this.isTypedIn() && !this.taken) keep(this.key, this.other);
    else this.keep();
  }

  plan(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
  }

  /** When the page may be going away, also while one is under way: of two, the server takes the later. */
  async save({ isLeaving = false } = {}) {
    clearTimeout(this.timer);
    if (this.sending || this.isDisputed || !this.form.isConnected) return;
    if (this.saving && !isLeaving) return this.plan(300);
    this.saving = this.store({ isLeaving });
    await this.saving;
  }

  async store({ isLeaving = false } = {}) {
    const sent = this.values();
    this.dirtySince = 0;
    this.hasFailed = false;
    const number = (this.saves += 1), isLatest = () => number === this.saves;
    if (keptAs(this.key)?.window === this.window) this.keep(); // with this save counted, before it can come through
    const body = new URLSearchParams({ ...sent, ...this.marks() });
    try {
      const answer = await ask(this.form.dataset.draft, { method: "POST", body, keepalive: isLeaving || String(body).length < LIGHT });
      if (isLatest()) await this.saved(answer, sent);
    } catch {
      if (isLatest()) this.failed();
    } finally {
      if (isLatest()) this.saving = null;
    }
  }

  /** Which draft it is, and what this window knows of it. */
  marks() {
    return { ...this.values(MARKS), ...this.knows() };
  }
  knows() {
    const heir = this.heirOf ? { heir_of: this.heirOf, heir_saves: this.heirSaves } : {};
    return { version: this.version, window: this.window, saves: this.saves, ...heir };
  }

  /** Save all of it, also what is typed while a save is under way; what the server won't take stays unsaved. */
  async settle() {
    for (let times = 0; times < SETTLING; times += 1) {
      await this.saving;
      this.writing.flush();
      if (!this.dirtySince && !this.hasFailed) return;
      await this.save();
    }
  }

  async saved(answer, sent) {
    if (answer.status === 409) return this.refused(await answer.text(), sent);
    if (!answer.ok) return this.failed();
    const told = await answer.json();
    this.version = told.version ?? this.version;
    tellLanguage(this.form, told.otherwise);
    this.heirOf = "";
    const holder = keptAs(this.key)?.window, isOurs = [this.window, this.before].includes(holder);
    if (!this.form.isConnected && !isOurs) return; // another goes on
    if (JSON.stringify(this.values()) !== JSON.stringify(sent)) return this.keep(); // typed on meanwhile: saved next
    const isLeft = !this.form.isConnected || Date.now() - leftAt < ON_THE_WAY;
    if (!holder || isOurs) { // else it is what another window has not saved yet
      if (isLeft && !this.sending) this.keep({ savedAt: Date.now() });
      else throwAway(this.key);
    }
    this.say(fill(gettext("Saved %(time)s"), { time: clock.format(new Date()) }), false, true);
  }

  /** The sentence why it was not saved; as JSON with what else there is. */
  refused(body, asked) {
    if (!body.startsWith("{")) return this.say(body, true);
    const { sentence, text, version, sent, all } = JSON.parse(body);
    if (all && JSON.stringify(this.values()) === JSON.stringify(asked)) return this.wasSent(sentence);
    const place = this.form.querySelector("[data-conflict]");
    const { conversation } = this.form.dataset;
    this.isDisputed = true;
    this.say("");
    if (sent) return this.stranded();
    if (version === undefined) return askForStranded(place, "gone", { conversation, kind: this.kind, says: sentence, forget: () => this.forget() });
    const acts = {
      mine: () => {
        Object.assign(this, { isDisputed: false, version });
        this.save();
      },
      other: () => {
        this.forget();
        showInstead(this.form, this.form.dataset.again);
      },
    };
    showKept(place, "conflict", { says: sentence, other: text, acts });
  }

  /** The draft has left, and not with these words. */
  stranded() {
    const { conversation, bar, again, sent = "sent" } = this.form.dataset;
    this.isDisputed = true;
    this.keep();
    askForStranded(this.form.querySelector("[data-conflict]"), sent, { conversation, kind: this.kind, forget: () => this.forget(), anew: () => this.anew(), leave: () => showInstead(this.form, bar ?? again) });
  }

  /** Nothing is lost: all that stands here has left. */
  wasSent(sentence) {
    this.forget();
    toast(sentence);
    showInstead(this.form, this.form.dataset.bar ?? this.form.dataset.again);
  }

  /** Go on with what stands here as an answer of its own. */
  anew() {
    Object.assign(this, { isDisputed: false, version: 0, heirOf: "" });
    this.form.elements.token.value = crypto.randomUUID();
    const files = [...this.form.querySelectorAll("[data-list] [data-file]")];
    for (const file of files) {
      this.writing.removePicture(file);
      file.remove();
    }
    if (files.length) toast(gettext("The files left with what was sent: attach them again if they belong here too."));
    this.changed();
  }

  failed() {
    this.hasFailed = true;
    this.say(gettext("Not saved – retrying"), true);
    this.plan(RETRY);
  }

  /** While it is being sent, nothing more can be written: it would be in no mail. */
  leaves(event) {
    const isCommand = event.ctrlKey || event.metaKey || ["Tab", "Escape"].includes(event.key) || event.key?.startsWith("F");
    if (!this.leaving || (event.type === "keydown" && isCommand && event.key !== "Enter")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /** `isUsual`: it is so every few seconds, and spoken the first time and after something else. */
  say(words, isBad = false, isUsual = false) {
    if (!this.status) return;
    this.status.setAttribute("aria-live", isUsual && this.isTold ? "off" : "polite");
    if (words) this.isTold = isUsual;
    this.status.textContent = words;
    this.status.classList.toggle("bad", isBad);
  }

  /** What another window keeps in this browser stays: that one has not saved it yet. */
  forget() {
    clearTimeout(this.timer);
    this.sending = true;
    if ([undefined, this.window, this.before].includes(keptAs(this.key)?.window)) throwAway(this.key);
  }
}

/** Be where one writes first: whom to ask, as nobody is proposed there, else the text. */
function begin({ form, kind, writing }, typed) {
  if (kind !== "outside" || form.elements.to.value) return writing.focus(typed);
  form.querySelector("[data-chips] input:not([type=hidden])").focus({ preventScroll: true });
  if (typed) document.execCommand("insertText", false, typed);
}

/** Give life to the editors below `root`, and open the ones whose text waits in this browser. */
export function startEditors(root) {
  const [article] = within(root, "article[data-conversation]");
  if (article) unasked = null;
  if (article) tidy(); // of conversations that nobody came back to, what was saved goes
  for (const form of within(root, "form[data-editor]")) {
    if (editors.has(form)) continue;
    const editor = new Editor(form);
    editors.set(form, editor);
    // What came with its conversation was not asked for: keys stay keys, and don't end in a mail.
    if ((isAwaited() || (!article && !unasked)) && form.querySelector("[data-focus]")) editor.ready.then(() => form.isConnected && begin(editor, typedAhead()));
    unasked = null;
    if (form.dataset.editor === "compose") form.querySelector("[data-chips] input:not([type=hidden])").focus({ preventScroll: true });
  }
  if (!article || article.querySelector("form[data-editor]")) return;
  const { conversation } = article.dataset;
  for (const kind of ["reply", "note", "whisper"]) {
    const button = document.getElementById(`open-${kind}`);
    if (!unsaved(kind, conversation) || !button) continue;
    if (button.getAttribute("aria-disabled") !== "true") {
      unasked = button;
      return button.click();
    }
    const place = document.createElement("div");
    button.closest(".composer-bar").before(place);
    askForStranded(place, "gone", { conversation, kind, forget: () => place.remove() });
  }
}

addEventListener("beforeunload", () => (leftAt = Date.now()));

/** Save now what is being written, as the page may be going away. */
export async function saveAll(options) {
  const all = [...document.querySelectorAll("form[data-editor]")].map((form) => editors.get(form)).filter(Boolean);
  for (const editor of all) editor.writing.flush();
  for (const editor of all) editor.hold();
  const dirty = all.filter((editor) => editor.dirtySince || (options?.isLeaving && editor.hasFailed));
  await Promise.all(dirty.map((editor) => editor.save(options)));
}

/** Save all that is being written, as nothing of it is kept from here on. */
export async function settleAll() {
  const all = [...document.querySelectorAll("form[data-editor]")].map((form) => editors.get(form)).filter(Boolean);
  await Promise.all(all.map((editor) => editor.settle()));
}

/** The editor that a button or a field belongs to. */
export function editorOf(element) {
  const form = element.closest?.("form[data-editor]");
  return form && editors.get(form);
}

document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.requestConfig.elt === unasked && !isDone(detail)) unasked = null;
});
