// Writing with formatting: Tiptap, as far as mail programs understand it. It is loaded when an editor wants it.
let loading = null;

/** The editor's parts; asked for again after a failure. */
export function load(url) {
  loading ??= import(url).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

const PLACE = /\{\{\s*(?:\?[^{}\n]{1,99}|(?:agent|contact|conversation|queue)\.[a-z_]+)\s*\}\}/g;
const isHeavy = (style) => /font-weight:\s*(bold|[6-9]00)/.test(style);
const styleOf = (element) => element.dataset.look ?? "";

/** Word, Google Docs and the like say by styles what is bold; as styles nothing of it comes in. What is foreign to
 *  the editor it leaves out by itself; scripts go before, so that the browser doesn't complain of them either. */
function withoutStyles(html) {
  return html.replace(/(<[a-z][^>]*?)\sstyle=/gi, "$1 data-look=").replace(/\son[a-z]+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)/gi, "");
}

/** Text as it is pasted: an empty line parts paragraphs, a line end stays one. */
export function paragraphs(text, inline = (line) => (line ? [{ type: "text", text: line }] : [])) {
  return text.replace(/\r\n?/g, "\n").replace(/^\n+|\n+$/g, "").split(/\n{2,}/).map((block) => ({
    type: "paragraph",
    content: block.split("\n").flatMap((line, index) => [...(index ? [{ type: "hardBreak" }] : []), ...inline(line)]),
  }));
}

function picture(tiptap, address) {
  return tiptap.Node.create({
    name: "picture",
    group: "inline",
    inline: true,
    atom: true,
    draggable: true,
    addAttributes: () => ({ cid: { default: "" }, alt: { default: "" } }),
    parseHTML: () => [{ tag: 'img[src^="cid:"]', getAttrs: (image) => ({ cid: image.getAttribute("src").slice(4), alt: image.alt }) }],
    renderHTML: ({ node }) => ["img", { src: `cid:${node.attrs.cid}`, alt: node.attrs.alt }],
    addNodeView: () => ({ node }) => {
      const dom = document.createElement("img");
      dom.src = address + encodeURIComponent(node.attrs.cid);
      dom.alt = node.attrs.alt;
      return { dom };
    },
  });
}

/** Places that are still to be filled in are seen. */
function places(tiptap) {
  const { Decoration, DecorationSet } = tiptap.pm.view;
  const decorations = ({ doc }) => {
    const found = [];
    doc.descendants((node, at) => {
      if (!node.isText) return;
      for (const match of node.text.matchAll(PLACE)) found.push(Decoration.inline(at + match.index, at + match.index + match[0].length, { class: "place" }));
    });
    return DecorationSet.create(doc, found);
  };
  return tiptap.Extension.create({ name: "places", addProseMirrorPlugins: () => [new tiptap.pm.state.Plugin({ props: { decorations } })] });
}

/** Numbered lists as mail programs know them: where they begin, no styles. */
function numbered({ OrderedList, wrappingInputRule }) {
  return OrderedList.extend({
    addNodeView: null,
    addAttributes: () => ({ start: { default: 1, parseHTML: (element) => Number(element.getAttribute("start")) || 1, renderHTML: ({ start }) => (start === 1 ? {} : { start }) } }),
    addInputRules() {
      return [wrappingInputRule({
        find: /^(\d{1,3})[.)]\s$/,
        type: this.type,
        getAttributes: (match) => ({ start: Number(match[1]) }),
        joinPredicate: (match, node) => node.childCount + node.attrs.start === Number(match[1]),
      })];
    },
  });
}

/** The editor has the focus as soon as it is asked to: Tiptap gives it one frame later, when another key may have been
 *  pressed, or the field left again. */
function focusAtOnce({ Extension, pm }) {
  return Extension.create({
    name: "focusAtOnce",
    addCommands: () => ({
      focus: (position = null) => ({ tr, view, dispatch }) => {
        if (dispatch && position === "end") tr.setSelection(pm.state.Selection.atEnd(tr.doc));
        if (dispatch) view.focus();
        return true;
      },
    }),
  });
}

function extensions(tiptap, { address, askLink }) {
  const bold = tiptap.Bold.extend({
    parseHTML: () => [
      { tag: "strong" },
      { tag: "b", getAttrs: (element) => (/font-weight:\s*(normal|400)/.test(styleOf(element)) ? false : null) },
      { tag: "span", getAttrs: (element) => (isHeavy(styleOf(element)) ? null : false) },
    ],
  });
  const italic = tiptap.Italic.extend({
    parseHTML: () => [{ tag: "em" }, { tag: "i" }, { tag: "span", getAttrs: (element) => (/font-style:\s*italic/.test(styleOf(element)) ? null : false) }],
  });
  // Ctrl + Enter sends; only Shift + Enter breaks a line.
  const hardBreak = tiptap.HardBreak.extend({ addKeyboardShortcuts() {
    return { "Shift-Enter": () => this.editor.commands.setHardBreak() };
  } });
  const link = tiptap.Link.extend({ addKeyboardShortcuts: () => ({ "Mod-k": () => askLink() ?? true }) }).configure({ openOnClick: false, enableTarget: false, defaultProtocol: "https" });
  const { Document, Paragraph, Text, Underline, Strike, Code, CodeBlock, BulletList, ListItem, Blockquote, HorizontalRule, History, Dropcursor } = tiptap;
  const plain = [Document, Paragraph, Text, Strike, Code, CodeBlock, BulletList, ListItem, Blockquote, HorizontalRule, History, Dropcursor];
  const underline = Underline.extend({ parseHTML: () => [{ tag: "u" }] });
  return [...plain, numbered(tiptap), underline, bold, italic, hardBreak, link, picture(tiptap, address), places(tiptap), focusAtOnce(tiptap)];
}

/** A field that gets the focus back has its cursor at the beginning. ProseMirror would put it right 20 ms later, over
 *  what was typed or moved by then: here it is done at once. Who clicks says where it is to be. */
function keepCursor(view) {
  if (view.input.mouseDown || view.focused) return false;
  view.focused = true;
  view.dom.classList.add("ProseMirror-focused");
  queueMicrotask(() => view.hasFocus() && view.focus());
  return false;
}

/** An editor below `place`.
 *  options: html, attributes (of the field), address (of pictures), askLink, onChange, onMove, onKey */
export function makeRich(tiptap, place, options) {
  const { Slice, Fragment, Node } = tiptap.pm.model;
  const editor = new tiptap.Editor({
    element: place,
    injectCSS: false,
    extensions: extensions(tiptap, options),
    content: options.html,
    editorProps: {
      attributes: options.attributes,
      transformPastedHTML: withoutStyles,
      clipboardTextParser: (text, context, plain, view) => {
        const nodes = paragraphs(text).map((each) => Node.fromJSON(view.state.schema, each));
        return new Slice(Fragment.from(nodes), 1, 1);
      },
      handleKeyDown: (view, event) => (event.key === "Enter" && (event.ctrlKey || event.metaKey)) || options.onKey(event),
      handleDOMEvents: {
        // Files are the form's business (uploads.js), unless what is copied is text that has a picture of itself.
        paste: (view, event) => isFiles(event.clipboardData),
        drop: (view, event) => event.dataTransfer.files.length > 0,
        focus: keepCursor,
      },
    },
    onUpdate: options.onChange,
    onTransaction: options.onMove,
  });
  return editor;
}

/** What is marked, or all if nothing is, as HTML. */
export function markedHtml({ pm }, { state }) {
  const { from, to, empty } = state.selection;
  const piece = empty ? state.doc.content : state.doc.slice(from, to).content;
  const place = document.implementation.createHTMLDocument("").body;
  place.append(pm.model.DOMSerializer.fromSchema(state.schema).serializeFragment(piece, { document: place.ownerDocument }));
  return place.textContent.trim() ? place.innerHTML : "";
}

/** Whether what is pasted is files; tables and texts from offices come with a picture of themselves. */
export function isFiles(data) {
  if (!data?.files.length) return false;
  const words = data.getData("text/html").replace(/<!--.*?-->|<(style|script)[^>]*>.*?<\/\1>|<[^>]*>/gis, "");
  return !words.trim();
}
