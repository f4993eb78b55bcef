// "/" at the beginning of a word, while one writes, opens the list of snippets; what follows is searched for.
import { bring } from "./dom.js";
import { ask } from "./session.js";
import { toast } from "./toasts.js";
import { fill, gettext } from "../words.js";

const MOST = 8;
const GAP = 6; // pixels between the cursor and the list
const EDGE = 8; // and between the list and the end of the window
/** Of what follows the "/", in characters. */
export const LONGEST = 40;
const QUERY = new RegExp(`(?:^|[\\s\\u00a0])\\/([^\\s/][^\\n/]{0,${LONGEST - 1}}|)$`);
let boxes = 0;

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** How well the letters of `word` are found in `text` in their order: 0 not at all. */
function found(word, text) {
  const at = text.indexOf(word);
  if (at >= 0) return at === 0 || /\P{L}/u.test(text[at - 1]) ? 3 : 2;
  let from = 0;
  for (const letter of word) {
    from = text.indexOf(letter, from) + 1;
    if (!from) return 0;
  }
  return 1;
}

/** 0 if some word of the query is nowhere; the order of equals stays. */
export function score(query, { name, says, also = "" }) {
  const [title, text] = [plain(name), plain(`${says} ${also}`)];
  let sum = 0;
  for (const word of plain(query).split(/\s+/).filter(Boolean)) {
    const best = Math.max(2 * found(word, title), text.includes(word) ? 1 : 0);
    if (!best) return 0;
    sum += best;
  }
  return sum || 1;
}

export class Picker {
  /** `writing` is the field; `conversation` its number, or "new". */
  constructor(form, writing) {
    Object.assign(this, { form, writing, conversation: form.dataset.conversation, known: null, shown: [], at: 0, dismissed: null });
    this.box = document.createElement("ul");
    Object.assign(this.box, { id: `snippets-${++boxes}`, className: "snippets floating", hidden: true });
    this.box.setAttribute("role", "listbox");
    this.box.setAttribute("aria-label", gettext("Snippets"));
    form.querySelector("[data-list], [data-full]").before(this.box);
    this.box.addEventListener("mousedown", (event) => event.preventDefault()); // the cursor stays in the text
    this.box.addEventListener("click", (event) => {
      const index = [...this.box.children].indexOf(event.target.closest("li"));
      if (event.target.closest("button")) this.forget(this.shown[index]);
      else if (index >= 0) this.choose(this.shown[index]);
    });
    for (const each of [form, form.closest(".timeline")]) each?.addEventListener("scroll", () => this.place(), { capture: true });
    form.addEventListener("focusout", () => setTimeout(() => !form.contains(document.activeElement) && this.close()));
  }

  get hasMacros() {
    return this.form.dataset.editor === "reply";
  }

  query() {
    return this.writing.before().match(QUERY)?.[1];
  }

  /** Something was typed, or the cursor moved. */
  async look() {
    const query = this.query();
    if (query === undefined) {
      this.dismissed = null;
      return this.close();
    }
    if (this.dismissed !== null && query.startsWith(this.dismissed)) return;
    this.known ??= await this.learn();
    if (this.query() !== query || !this.known) return;
    const rated = this.known.map((each) => ({ each, rate: score(query, each) })).filter(({ rate }) => rate);
    this.show(rated.sort((a, b) => b.rate - a.rate).slice(0, MOST).map(({ each }) => each), query);
  }

  async learn() {
    const answer = await ask(`/snippets?conversation=${this.conversation}${this.hasMacros ? "&macros" : ""}`).catch(() => null);
    return answer?.ok ? (await answer.json()).snippets : null;
  }

  show(shown, query) {
    this.shown = shown;
    this.at = 0;
    const isNothing = !shown.length && !query;
    if (!shown.length && query) return this.close();
    this.box.replaceChildren(...(isNothing ? [line({ name: gettext("No snippets yet"), says: gettext("Write a text, mark it, and choose “Save as a snippet”.") }, this.box.id, 0)] : shown.map((each, index) => line(each, this.box.id, index))));
    this.box.hidden = false;
    this.place();
    this.mark();
  }

  /** Under the cursor, or over it where there is more room. */
  place() {
    if (this.box.hidden) return;
    const cursor = this.writing.cursor();
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const isUnder = innerHeight - cursor.bottom >= Math.min(height + GAP + EDGE, cursor.top);
    const left = Math.max(EDGE, Math.min(cursor.left, innerWidth - width - EDGE));
    const top = isUnder ? cursor.bottom + GAP : cursor.top - GAP - height;
    Object.assign(this.box.style, { left: `${left}px`, top: `${top}px` });
  }

  mark() {
    for (const [index, item] of [...this.box.children].entries()) item.setAttribute("aria-selected", String(index === this.at));
    this.box.children[this.at]?.scrollIntoView({ block: "nearest" });
    const field = this.writing.element;
    field.setAttribute("aria-controls", this.box.id);
    if (this.shown.length) field.setAttribute("aria-activedescendant", `${this.box.id}-${this.at}`);
  }

  close() {
    if (this.box.hidden) return;
    this.box.hidden = true;
    this.shown = [];
    this.writing.element.removeAttribute("aria-activedescendant");
  }

  /** Take a key if the list is open. */
  key(event) {
    if (this.box.hidden || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "Escape") {
      this.dismissed = this.query() ?? "";
      this.close();
    } else if (!this.shown.length) return false;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : -1) + this.shown.length) % this.shown.length;
      this.mark();
    } else if (event.key === "Enter" || event.key === "Tab") this.choose(this.shown[this.at]);
    else if (event.key === "Delete" && event.shiftKey && this.shown[this.at].own) this.forget(this.shown[this.at]);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  choose(chosen) {
    this.coming = this.take(chosen); // what is sent waits for it
  }

  async take(chosen) {
    if (this.query() === undefined) return this.close(); // the cursor has gone elsewhere
    const asked = `/${this.query() ?? ""}`;
    this.writing.replaceBefore(asked.length, { html: "", text: "" }); // at once: one types on while it is fetched
    this.close();
    if (chosen.macro) return this.takeMacro(chosen, asked);
    const body = new URLSearchParams({ conversation: this.conversation });
    const answer = await ask(`/snippets/${chosen.id}/insert`, { method: "POST", body }).catch(() => null);
    const text = answer?.ok && (await read(answer));
    if (!text) return this.putBack(asked, answer?.status === 409 ? await answer.text() : gettext("The snippet could not be loaded: try again."));
    this.known = null; // it is the newest used now
    this.writing.replaceBefore(0, text);
  }

  /** A macro with an answer writes it, and does the rest when that is sent; another one asks first. */
  async takeMacro({ id, writes }, asked) {
    const url = `/conversations/${this.conversation}/macros/${id}`;
    if (!writes) {
      const isEmpty = !this.writing.words().trim() && !this.form.querySelector("[data-list] > *");
      if (isEmpty) this.form.querySelector("[data-discard]")?.click(); // it was opened for the macro alone
      return void bring(url, "#act-body");
    }
    const answer = await ask(`${url}/prepare`).catch(() => null);
    const prepared = answer?.ok && (await read(answer));
    if (!prepared) return this.putBack(asked, answer?.status === 409 ? await answer.text() : gettext("The macro could not be loaded: try again."));
    this.writing.replaceBefore(0, prepared);
    setMacro(this.form, prepared);
  }

  /** It didn't come: what asked for it stands there again, so that nothing leaves that seems whole. */
  putBack(asked, words) {
    toast(words, { error: true });
    this.writing.element.focus({ preventScroll: true });
    document.execCommand("insertText", false, asked);
  }

  async forget(chosen) {
    const answer = await ask(`/snippets/${chosen.id}`, { method: "DELETE" }).catch(() => null);
    if (!answer?.ok) return toast(gettext("It could not be saved: try again."), { error: true });
    toast(fill(gettext("The snippet “%(name)s” was deleted."), { name: chosen.name }));
    this.known = null;
    this.look();
  }
}

/** What came; null if the line was cut in the middle of it. */
export const read = (answer) => answer.json().catch(() => null);

function told({ steps }) {
  return steps ? fill(gettext("sent, it will %(steps)s"), { steps }) : gettext("sent, it will do nothing more");
}

/** Let the form run a macro when it is sent, or none. */
export function setMacro(form, macro) {
  form.elements.macro.value = macro?.id ?? "";
  const line = form.querySelector("[data-macro]");
  line.hidden = !macro;
  line.querySelector("b").textContent = macro?.name ?? "";
  line.querySelector("b + span").textContent = macro ? `: ${told(macro)}` : "";
  form.elements.text.dispatchEvent(new Event("desk:macro"));
}

function line({ name, says, language, own, macro }, id, index) {
  const item = document.createElement("li");
  item.id = `${id}-${index}`;
  item.setAttribute("role", "option");
  item.classList.toggle("macro", Boolean(macro));
  const title = Object.assign(document.createElement("b"), { textContent: name, className: "clip" });
  const text = Object.assign(document.createElement("span"), { textContent: says, className: "clip muted" });
  const kind = Object.assign(document.createElement("small"), { textContent: [language, own ? gettext("mine") : "", macro ? gettext("macro") : ""].filter(Boolean).join(" · ") });
  item.append(title, text, kind);
  if (own) {
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×", tabIndex: -1, title: gettext("Delete (Shift + Delete)") });
    remove.setAttribute("aria-label", fill(gettext("Delete %(name)s"), { name }));
    item.append(remove);
  }
  return item;
}
