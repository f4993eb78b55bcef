// Everything by name: what can be done here, where one can go, conversations by number, contacts, snippets, macros.
import { fill, gettext } from "../words.js";
import { isSelecting } from "./bulk.js";
import { bring } from "./dom.js";
import { command, isPossible, writeSnippet } from "./keys.js";
import { openMenu } from "./menus.js";
import { score } from "./picker.js";
import { ask } from "./session.js";

const MOST = 12;
const PAUSE = 150;
const VIEWS = "#nav-views .nav-link";
const dialog = document.getElementById("palette");
const field = document.getElementById("palette-field");
const list = document.getElementById("palette-list");
const none = document.getElementById("palette-none");
let here = []; // what this page has
let pages = []; // what the server knows by itself, asked for once
let found = []; // what it found for what was typed
let shown = [];
let at = 0;
let timer = 0;
let isOfServer = true; // whether it is asked, too
let back = null; // where the focus was

const words = (element) => element.textContent.replace(/\s+/g, " ").trim();
const click = (element) => () => {
  const current = element.id ? document.getElementById(element.id) : element;
  (current ?? element).click();
};

function withSelected() {
  if (!isSelecting()) return [];
  const says = gettext("selected");
  const buttons = [...document.querySelectorAll("#bulk .bulk-buttons > [data-verb]")];
  const menus = [...document.querySelectorAll("#bulk .bulk-buttons > details")];
  const line = [...document.querySelectorAll("#bulk .bulk-line button")].filter((button) => button.checkVisibility());
  return [
    ...buttons.map((button) => ({ name: words(button), says, act: () => button.click() })),
    ...menus.map((menu) => ({ name: words(menu.querySelector("summary")), says, act: () => openMenu(menu) })),
    ...line.map((button) => ({ name: words(button) || button.getAttribute("aria-label"), says, act: () => button.click() })),
  ];
}

/** Other words for what a key does, which name its button as well. */
function alsoOf(key) {
  const lines = [...document.querySelectorAll("#keys [data-also]")];
  return lines.find((line) => line.dataset.keys.split("|").includes(key))?.dataset.also;
}

function ofConversation() {
  const says = gettext("this conversation");
  const why = document.querySelector("#why > summary");
  const tools = [...document.querySelectorAll(".tools > :not(#tool-more), #tool-more .menu-item")]
    .filter((tool) => !tool.matches('[aria-disabled="true"]') && !tool.querySelector('[aria-disabled="true"]'))
    .map((tool) => (tool.matches("details") ? { name: words(tool.querySelector("summary")), says, keys: tool.dataset.key, also: alsoOf(tool.dataset.key), act: () => openMenu(document.getElementById(tool.id)) } : { name: words(tool.querySelector("span") ?? tool), says, keys: tool.dataset.key, also: alsoOf(tool.dataset.key), act: click(tool) }));
  return why ? [...tools, { name: words(why), says, act: tellWhy }] : tools;
}

function tellWhy() {
  const why = document.getElementById("why");
  why.open = true;
  why.querySelector(".why-told").focus();
}

/** What the mail has where one is, or else the last one that is open: its buttons, files and links. */
function ofMail() {
  const letter = document.activeElement?.closest?.("details.mail") ?? [...document.querySelectorAll("#items details.mail[open]")].at(-1);
  if (!letter) return [];
  const says = fill(gettext("mail from %(name)s"), { name: words(letter.querySelector(".from b")) });
  const buttons = letter.querySelectorAll(".mail-acts button:not([aria-disabled=true]), [id^=pictures-] button, .files a.file, .details a[target]");
  return [...buttons].map((button) => ({ name: words(button.querySelector(".clip") ?? button), says, isPart: true, act: click(button) }));
}

function ofPage() {
  const links = [...document.querySelectorAll("#side .side-links a")].map((link) => ({ name: words(link), says: gettext("contact"), act: click(link) }));
  const looks = [...document.querySelectorAll("[data-theme-choice]")].map((button) => ({ name: words(button), says: gettext("look of the pages"), act: click(button) }));
  return [...links, ...looks];
}

/** What the buttons around an open text do: after Esc, also where Ctrl + K makes a link. */
function ofEditor() {
  const says = gettext("what you write");
  const form = document.querySelector("form[data-editor]");
  const buttons = [...(form?.querySelectorAll(":is(.editor-head, .editor-foot) :is(button, label:has([type=file]))") ?? [])];
  return buttons.filter((button) => button.dataset.act !== "at").map((button) => ({
    name: button.getAttribute("aria-label") ?? words(button.querySelector("span") ?? button),
    says: button.name === "send_at" ? gettext("send later") : button.dataset.act === "people" ? button.title : says,
    keys: button.dataset.keys ?? [...button.querySelectorAll("kbd")].map(words).join(" "),
    act: () => button.click(),
  }));
}

/** What the keys do, without what a button of the conversation does, which is there already, and what does nothing now. */
function commands(tools) {
  const there = new Set(tools.map(({ keys }) => keys));
  return [...document.querySelectorAll("#keys [data-palette]")]
    .filter(({ dataset: { command: name, keys } }) => !name.startsWith("view-") && !there.has(keys) && isPossible(name))
    .map((line) => ({ name: words(line), says: "", keys: line.dataset.keys.split("|")[0], also: line.dataset.also, act: () => command(line.dataset.command) }));
}

/** What a page of contacts has keys for. */
function ofContacts() {
  return [...document.querySelectorAll("#main [data-press]")].map((link) => ({ name: words(link) || link.ariaLabel || link.title, says: "", keys: link.dataset.press, act: click(link) }));
}

function places(which = VIEWS) {
  const says = gettext("go to");
  const pages = [...document.querySelectorAll("#page-keys [data-go]")].map((page) => ({ name: words(page), says, keys: `g ${page.dataset.go}`, act: () => location.assign(page.dataset.url) }));
  const keys = new Map([...document.querySelectorAll('#keys [data-command^="view-"]')].map((line) => [line.dataset.command, line.dataset.keys]));
  const lists = [...document.querySelectorAll(which)].map((link) => ({ name: words(link.querySelector(".clip")), says, keys: keys.get(link.id), act: click(link) }));
  return which === VIEWS ? [...lists, ...pages] : lists;
}

async function texts() {
  const pk = document.querySelector("article[data-conversation]")?.dataset.conversation;
  if (!pk) return [];
  const answer = await ask(`/snippets?conversation=${pk}&macros=1`).catch(() => null);
  if (!answer?.ok) return [];
  const { snippets } = await answer.json();
  const insert = (each) => () => writeSnippet(each.name, { isMacro: each.macro });
  const run = (macro) => () => (macro.writes ? insert(macro)() : bring(`/conversations/${pk}/macros/${macro.id}`, "#act-body"));
  // One name in several languages is one line: the editor's list, which it opens, has them all.
  const once = snippets.filter((each, at) => each.macro || at === snippets.findIndex((other) => !other.macro && other.name === each.name));
  return once.map((each) => ({ name: each.name, says: each.macro ? gettext("macro") : gettext("snippet"), act: each.macro ? run(each) : insert(each) }));
}

const served = (items) => items.map((item) => ({ ...item, act: () => go(item) }));

function go({ url, is_here: isHere, is_desk: isDesk }) {
  if ((!isHere && !isDesk) || !document.getElementById("conversation")) return location.assign(url);
  const target = isHere ? "#conversation" : "#desk";
  bring(url, target, "patch", isHere ? "#rows" : undefined).then((isThere) => isThere && history.pushState({ htmx: true }, "", url));
}

async function ofServer(asked) {
  const answer = await ask(`/palette?q=${encodeURIComponent(asked)}`).catch(() => null);
  return answer?.ok ? served((await answer.json()).items) : [];
}

/** Open it, with what can be done at this moment first; `only` with these links. */
export function openPalette(only = "") {
  if (!dialog || dialog.open || document.querySelector("dialog[open]")) return;
  back = document.activeElement;
  const tools = only ? [] : ofConversation();
  here = only ? places(only) : [...withSelected(), ...tools, ...ofEditor(), ...ofContacts(), ...commands(tools), ...places(), ...ofMail(), ...ofPage()];
  isOfServer = !only;
  const named = new Set();
  here = here.filter((item) => !named.has(keyOf(item).toLowerCase()) && named.add(keyOf(item).toLowerCase()));
  found = [];
  field.value = "";
  dialog.showModal();
  paint();
  if (only) return;
  const base = here;
  Promise.all([pages.length ? pages : ofServer(""), texts()]).then(([settings, more]) => {
    pages = settings;
    if (here !== base) return;
    here = [...base, ...more, ...settings.filter(({ name }) => !base.some((each) => each.name === name))];
    paint(true);
  });
}

function look() {
  const asked = field.value.trim();
  clearTimeout(timer);
  found = [];
  if (asked && isOfServer) {
    timer = setTimeout(async () => {
      const items = await ofServer(asked);
      if (field.value.trim() !== asked) return;
      found = items;
      paint(true);
    }, PAUSE);
  }
  paint();
}

/** What a page merely holds, such as a file, is found by its words, after what can be done. */
const rankOf = (asked, item) => score(asked, item.isPart ? { name: "", says: `${item.name} ${item.says}` } : item);

/** Two may have one name. */
const keyOf = ({ name, says, url = "" }) => `${name}|${says}|${url}`;

function paint(isMore = false) {
  const asked = field.value.trim();
  const kept = isMore && shown[at] ? keyOf(shown[at]) : null;
  const ranked = here.map((item, order) => ({ item, order, rank: asked ? rankOf(asked, item) : 1 })).filter(({ rank }) => rank > 0);
  ranked.sort((one, other) => other.rank - one.rank || one.order - other.order);
  shown = [...found, ...ranked.map(({ item }) => item)].slice(0, MOST);
  at = Math.max(0, shown.findIndex((item) => keyOf(item) === kept));
  list.replaceChildren(...shown.map(line));
  none.hidden = shown.length > 0;
  mark();
}

function line(item, number) {
  const element = document.createElement("li");
  element.id = `palette-${number}`;
  element.setAttribute("role", "option");
  const name = Object.assign(document.createElement("b"), { className: "clip", textContent: item.name });
  const says = Object.assign(document.createElement("span"), { className: "clip muted", textContent: item.says });
  element.append(name, says);
  if (item.keys) {
    const keys = document.createElement("small");
    keys.append(...item.keys.split(" ").map((key) => Object.assign(document.createElement("kbd"), { textContent: key })));
    element.append(keys);
  }
  return element;
}

function mark() {
  for (const [number, element] of [...list.children].entries()) element.setAttribute("aria-selected", String(number === at));
  list.children[at]?.scrollIntoView({ block: "nearest" });
  if (shown.length) field.setAttribute("aria-activedescendant", `palette-${at}`);
  else field.removeAttribute("aria-activedescendant");
}

function run(item) {
  if (!item) return;
  back = null; // the browser gives the focus back at once; from there on it is the act's
  dialog.close();
  item.act();
}

const STEPS = { ArrowDown: 1, ArrowUp: -1 };
dialog?.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (STEPS[event.key] && shown.length) at = (at + STEPS[event.key] + shown.length) % shown.length;
  else if (event.key === "Enter") run(shown[at]);
  else if (!(event.key === "k" && (event.ctrlKey || event.metaKey))) return;
  else dialog.close();
  event.preventDefault();
  event.stopPropagation();
  if (dialog.open) mark();
});
field?.addEventListener("input", look);
list?.addEventListener("click", (event) => run(shown[[...list.children].indexOf(event.target.closest("li"))]));
dialog?.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog?.addEventListener("close", () => {
  if (back?.isConnected) back.focus({ preventScroll: true });
});
