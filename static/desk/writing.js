// The field that an answer is written in: plain text, or with formatting. The form sends `text` or `html`.
import { cursorIn } from "./caret.js";
import { isFiles, load, makeRich, markedHtml, paragraphs } from "./rich.js";
import { openPlaces } from "./places.js";
import { ask } from "./session.js";
import { toast } from "./toasts.js";
import { gettext } from "../words.js";

const MARK = /(\[image: [^\]\n]+\])/;
const COMMANDS = {
  bold: (chain) => chain.toggleBold(),
  italic: (chain) => chain.toggleItalic(),
  bulletList: (chain) => chain.toggleBulletList(),
  orderedList: (chain) => chain.toggleOrderedList(),
  blockquote: (chain) => chain.toggleBlockquote(),
  clear: (chain) => chain.clearNodes().unsetAllMarks(),
};

export class Writing {
  /** `onChange` is called when something is typed, `onMove` when the cursor may have moved, `onKey` may take a
   *  key: it returns true then. */
  constructor(form, { onChange, onMove = () => {}, onKey = () => false }) {
    Object.assign(this, { form, onChange, onMove, onKey });
    this.text = form.elements.text;
    this.html = form.elements.html ?? null;
    this.bar = form.querySelector("[data-bar-format]");
    this.rich = null;
    this.formerly = null; // what was formatted before the formatting was switched off
    this.text.addEventListener("input", () => {
      onChange();
      onMove();
    });
    this.text.addEventListener("click", () => onMove());
    this.text.addEventListener("keydown", (event) => onKey(event));
    if (this.bar) this.listen();
  }

  /** Show what the fields hold now. */
  async restart() {
    this.rich?.options.element.remove();
    this.rich?.destroy();
    this.rich = null;
    if (this.wantsRich) return this.enrich(this.html.value);
    this.text.id = this.form.dataset.field;
    this.text.hidden = false;
    if (this.bar) this.bar.hidden = true;
    this.onChange();
  }

  get wantsRich() {
    return Boolean(this.html) && this.form.dataset.format === "rich";
  }

  /** Begin; resolves when one can write. */
  async start() {
    if (!this.wantsRich) return;
    this.form.dataset.starting = ""; // the formatting may take its time to come (keys.js)
    await this.enrich(this.html.value);
    delete this.form.dataset.starting;
    this.form.dispatchEvent(new Event("desk:ready"));
  }

  async enrich(content) {
    const tiptap = await load(this.form.dataset.rich).catch(() => null);
    this.tiptap = tiptap;
    if (!this.form.isConnected) return;
    if (!tiptap) {
      toast(gettext("The formatting could not be loaded: write plain text, or load the page again."), { error: true });
      return this.impoverish();
    }
    const place = document.createElement("div");
    place.className = "rich";
    this.text.before(place);
    this.rich = makeRich(tiptap, place, {
      html: content,
      attributes: this.attributes(),
      address: this.form.dataset.pictures ?? "",
      askLink: () => this.askLink(),
      onChange: () => this.changed(),
      onMove: () => {
        this.tell();
        this.onMove();
      },
      onKey: this.onKey,
    });
    this.text.hidden = true;
    this.text.required = false;
    this.text.removeAttribute("id");
    this.text.value = "";
    this.form.dataset.format = "rich";
    this.bar.hidden = false;
    this.tell();
  }

  attributes() {
    const { placeholder, lang } = this.text;
    const id = this.form.dataset.field;
    return { id, role: "textbox", "aria-multiline": "true", "aria-label": this.form.querySelector(`label[for="${id}"]`)?.textContent ?? gettext("Text"), "data-placeholder": placeholder, "data-writing": "", spellcheck: "true", ...(lang ? { lang } : {}) };
  }

  changed() {
    const isEmpty = this.rich.isEmpty && !this.rich.state.doc.textContent;
    this.html.value = isEmpty ? "" : this.rich.getHTML();
    this.onChange();
  }

  /** Plain text from now on; what was formatted can be had back while nothing is typed. */
  async impoverish() {
    const html = this.html.value;
    const text = html ? await plainText(html) : this.text.value;
    this.rich?.options.element.remove();
    this.rich?.destroy();
    this.rich = null;
    this.formerly = html ? { html, text } : null;
    this.html.value = "";
    this.text.id = this.form.dataset.field;
    this.text.value = text;
    this.text.hidden = false;
    this.form.dataset.format = "plain";
    this.bar.hidden = true;
    this.tell();
  }

  async toggle() {
    if (this.rich) await this.impoverish();
    else {
      const text = this.text.value;
      const content = this.formerly?.text === text ? this.formerly.html : { type: "doc", content: paragraphs(text, (line) => this.inline(line)) };
      await this.enrich(text ? content : "");
      if (this.rich) this.changed();
    }
    this.onChange();
    this.focus();
  }

  inline(line) {
    return line.split(MARK).filter(Boolean).map((part) => {
      const file = [...this.form.querySelectorAll("[data-cid]")].find((each) => each.dataset.mark === part);
      return file ? { type: "picture", attrs: this.pictureOf(file) } : { type: "text", text: part };
    });
  }

  pictureOf(line) {
    return { cid: line.dataset.cid, alt: line.dataset.mark.slice("[image: ".length, -1) };
  }

  focus(typed = "") {
    if (this.rich) {
      this.rich.commands.focus("end");
      if (typed) this.rich.commands.insertContent(paragraphs(typed));
      return;
    }
    this.text.focus({ preventScroll: true });
    if (!typed) return;
    this.text.value += typed;
    this.text.dispatchEvent(new Event("input"));
  }

  /** Put a picture where the cursor is; `line` is its file in the list. */
  insertPicture(line) {
    if (this.rich) return void this.rich.chain().focus().insertContent({ type: "picture", attrs: this.pictureOf(line) }).run();
    this.text.setRangeText(line.dataset.mark, this.text.selectionStart, this.text.selectionEnd, "end");
    this.text.dispatchEvent(new Event("input"));
  }

  removePicture(line) {
    if (!line.dataset.mark) return;
    if (this.rich) {
      const found = [];
      this.rich.state.doc.descendants((node, at) => void (node.type.name === "picture" && node.attrs.cid === line.dataset.cid && found.push(at)));
      const { tr } = this.rich.state;
      for (const at of found.reverse()) tr.delete(at, at + 1);
      this.rich.view.dispatch(tr);
    } else this.text.value = this.text.value.replace(line.dataset.mark, "");
  }

  /** Whether a paste is files, to stand within the text if they are pictures. */
  takes(event) {
    const isHere = event.target === this.text || Boolean(this.rich && event.target.closest("[data-writing]"));
    return { isHere, isFiles: this.rich && isHere ? isFiles(event.clipboardData) : true };
  }

  /** ProseMirror reads what was typed a moment later; a page that goes away has no such moment. */
  flush() {
    this.rich?.view.domObserver?.forceFlush();
  }

  /* What is in it */

  get element() {
    return this.rich?.view.dom ?? this.text;
  }

  words() {
    return this.rich ? this.rich.getText({ blockSeparator: "\n" }) : this.text.value;
  }

  /** What stands before the cursor in its paragraph; "" while something is marked. */
  before() {
    if (!this.rich) return this.text.selectionStart === this.text.selectionEnd ? this.text.value.slice(0, this.text.selectionStart) : "";
    const { $from, empty } = this.rich.state.selection;
    return empty ? $from.parent.textBetween(0, $from.parentOffset, "\n", "\ufffc") : "";
  }

  /** Where the cursor is in the window. */
  cursor() {
    return this.rich ? this.rich.view.coordsAtPos(this.rich.state.selection.from) : cursorIn(this.text);
  }

  /** Put a text in place of the last `count` characters; its first open place is marked then. */
  replaceBefore(count, { html, text }) {
    const first = openPlaces(text)[0];
    if (this.rich) {
      const { from } = this.rich.state.selection;
      const single = html.match(/^<p>((?:(?!<\/?p>).)*)<\/p>$/s);
      const chain = this.rich.chain().focus().deleteRange({ from: from - count, to: from });
      (html ? chain.insertContent(single ? single[1] : html) : chain).run();
    } else {
      const { selectionStart: at } = this.text;
      this.text.setRangeText(text, at - count, at, "end");
      this.text.dispatchEvent(new Event("input"));
      this.text.focus();
    }
    if (first) this.select(first);
  }

  /** Mark these words, so that what is typed stands in their place. */
  select(words) {
    if (!this.rich) {
      const at = this.text.value.indexOf(words);
      this.text.focus();
      if (at >= 0) this.text.setSelectionRange(at, at + words.length);
      return;
    }
    let found = null;
    this.rich.state.doc.descendants((node, at) => {
      const index = node.isTextblock ? node.textBetween(0, node.content.size, "\n", "\ufffc").indexOf(words) : -1;
      if (index >= 0) found ??= { from: at + 1 + index, to: at + 1 + index + words.length };
    });
    if (found) this.rich.chain().focus().setTextSelection(found).run();
  }

  /** What is marked, or everything, as HTML. */
  marked() {
    if (this.rich) return markedHtml(this.tiptap, this.rich);
    const { selectionStart, selectionEnd, value } = this.text;
    const words = document.createElement("p");
    words.textContent = (selectionStart === selectionEnd ? value : value.slice(selectionStart, selectionEnd)).trim();
    return words.textContent && words.innerHTML.split(/\n{2,}/).map((each) => `<p>${each.replaceAll("\n", "<br>")}</p>`).join("");
  }

  /* The buttons */

  listen() {
    const field = this.bar.querySelector("[data-link-field]");
    this.bar.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button || !this.rich) return;
      const { command } = button.dataset;
      if (command === "link") this.askLink();
      else if (command === "setLink") this.setLink(field.value);
      else if (command === "unsetLink") this.setLink("");
      else if (command) COMMANDS[command](this.rich.chain().focus()).run();
    });
    this.bar.addEventListener("keydown", (event) => {
      if (event.target === field && ["Enter", "Escape"].includes(event.key)) {
        event.preventDefault();
        event.stopPropagation();
        if (event.key === "Enter") this.setLink(field.value);
        else this.hideLink();
      } else this.walk(event);
    });
  }

  // One stop for the tabulator, arrow keys between the buttons (ARIA toolbar).
  walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const buttons = [...this.bar.querySelectorAll("[data-command]:not(.link-line *)")];
    const at = buttons.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + step + buttons.length) % buttons.length];
    for (const each of buttons) each.tabIndex = each === next ? 0 : -1;
    next.focus();
  }

  /** The browser tells of a selection a moment after the keys that made it: look for ourselves. */
  readSelection() {
    const { anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed } = getSelection();
    const { view } = this.rich;
    if (isCollapsed || !view.dom.contains(anchorNode) || !view.dom.contains(focusNode)) return;
    const ends = [view.posAtDOM(anchorNode, anchorOffset), view.posAtDOM(focusNode, focusOffset)];
    this.rich.commands.setTextSelection({ from: Math.min(...ends), to: Math.max(...ends) });
  }

  askLink() {
    this.readSelection();
    const line = this.bar.querySelector(".link-line");
    const field = line.querySelector("input");
    line.hidden = false;
    field.value = this.rich.getAttributes("link").href ?? "";
    field.select();
    field.focus();
  }

  hideLink() {
    this.bar.querySelector(".link-line").hidden = true;
    this.rich.commands.focus();
  }

  setLink(typed) {
    const address = typed.trim();
    const href = /^[a-z][a-z0-9+.-]*:/i.test(address) ? address : address.includes("@") && !address.includes("/") ? `mailto:${address}` : `https://${address}`;
    const chain = this.rich.chain().focus().extendMarkRange("link");
    if (!address) chain.unsetLink().run();
    else if (!/^(https?|mailto|tel):/i.test(href)) return toast(gettext("A link begins with https://, mailto: or tel:."), { error: true });
    else if (this.rich.state.selection.empty && !this.rich.isActive("link")) this.rich.chain().focus().insertContent({ type: "text", text: address, marks: [{ type: "link", attrs: { href } }] }).run();
    else chain.setLink({ href }).run();
    this.hideLink();
  }

  /** Let the buttons show where the cursor is. */
  tell() {
    const toggle = this.form.querySelector("[data-act=format]");
    toggle?.setAttribute("aria-pressed", String(Boolean(this.rich)));
    if (!this.rich) return;
    this.rich.view.dom.classList.toggle("blank", this.rich.isEmpty);
    for (const button of this.bar.querySelectorAll("[data-command][aria-pressed]")) button.setAttribute("aria-pressed", String(this.rich.isActive(button.dataset.command)));
  }
}

/** HTML as the plain text that would leave. */
export async function plainText(html) {
  const answer = await ask("/plain", { method: "POST", body: new URLSearchParams({ html }) }).catch(() => null);
  return answer?.ok ? answer.text() : new DOMParser().parseFromString(html, "text/html").body.innerText;
}
