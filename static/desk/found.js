// In the open conversation, show the words that were searched for. They are painted over the text, which stays
// as it is: nothing moves, and a mail in its frame is not touched.
const NAME = "found";
const MOST = 2000; // marks in one page
const LETTERS = { ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ð: "d", ı: "i", ħ: "h", þ: "th" };
const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const DENSE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;

const fold = (word) => word.toLowerCase().replace(/[ßæœøłđðıħþ]/g, (letter) => LETTERS[letter]).normalize("NFKD").replace(/\p{M}/gu, "").normalize("NFC");

function asked() {
  const text = document.querySelector("article[data-find]")?.dataset.find;
  return text ? JSON.parse(text) : [];
}

function* spans(text, words) {
  for (const match of text.matchAll(WORD)) {
    if (DENSE.test(match[0])) yield* parts(match, words);
    else {
      const word = fold(match[0]);
      if (words.some(([each, begins]) => (begins ? word.startsWith(each) : word === each))) yield [match.index, match.index + match[0].length];
    }
  }
}

function* parts(match, words) {
  for (const [each] of words) {
    if (!DENSE.test(each)) continue;
    for (let at = match[0].indexOf(each); at >= 0; at = match[0].indexOf(each, at + 1)) yield [match.index + at, match.index + at + each.length];
  }
}

function paint(page, roots, words) {
  const { CSS, Highlight } = page.defaultView;
  if (!CSS.highlights) return [];
  const ranges = [];
  for (const root of words.length ? roots : []) {
    const walker = page.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && ranges.length < MOST) {
      for (const [from, to] of spans(walker.currentNode.data, words)) {
        const range = page.createRange();
        range.setStart(walker.currentNode, from);
        range.setEnd(walker.currentNode, to);
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set(NAME, new Highlight(...ranges));
  return ranges;
}

/** Paint the mails, notes and subject that are open now. */
export function paintFound() {
  const roots = document.querySelectorAll("#head h1, #items");
  const ranges = roots.length ? paint(document, roots, asked()) : [];
  for (const frame of document.querySelectorAll("iframe.frame[data-fitted]")) paintFrame(frame);
  return ranges;
}

export function paintFrame(frame) {
  const page = frame.contentDocument;
  if (page?.body && page.defaultView) paint(page, [page.body], asked());
}

/** Open the folded part of a mail, such as a quotation, when the words stand nowhere else in it. */
function unfold(elements) {
  const folded = elements.map((element) => element.closest("details.quoted:not([open])"));
  if (elements.some((element, at) => !folded[at] && element.closest(".mail-text"))) return;
  const first = folded.find(Boolean);
  if (first) first.open = true;
}

/** Open the mails that were found and show the newest of them; true if there is one. */
export function openFound() {
  const ids = document.querySelector("article[data-found]")?.dataset.found.split(" ").filter(Boolean) ?? [];
  const found = ids.map((id) => document.getElementById(id)).filter(Boolean);
  const ranges = found.length ? paintFound() : [];
  for (const each of found) {
    if (each.matches("details")) each.open = true;
    unfold(ranges.map((range) => range.startContainer.parentElement).filter((element) => each.contains(element)));
  }
  found[0]?.scrollIntoView({ block: "start" });
  return found.length > 0;
}
