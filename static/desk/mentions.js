// "@" in a note opens the list of who can be mentioned; what follows is searched for.
import { ask } from "./session.js";

const MOST = 6;
const QUERY = /(?:^|[\s(])@([\p{L}\p{N}_.+-]{0,40})$/u;
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const known = new Map(); // by address
let box = null, field = null, shown = [], at = 0;

const query = () => (field.selectionStart === field.selectionEnd ? field.value.slice(0, field.selectionStart).match(QUERY)?.[1] : undefined);

async function people(url) {
  if (!known.has(url)) {
    const answer = await ask(url).catch(() => null);
    if (!answer?.ok) return [];
    known.set(url, (await answer.json()).people);
  }
  return known.get(url);
}

async function look() {
  const wanted = query();
  if (wanted === undefined) return close();
  const here = field, all = await people(field.dataset.mentions);
  if (field !== here || query() !== wanted) return;
  const begins = (each) => [each.user, ...each.name.split(/\s+/)].some((word) => plain(word).startsWith(plain(wanted)));
  shown = all.filter(begins).slice(0, MOST);
  at = 0;
  if (shown.length) open();
  else close();
}

function open() {
  if (!box?.isConnected || box.previousElementSibling !== field) {
    box?.remove();
    box = Object.assign(document.createElement("ul"), { id: "mentionable", className: "snippets mentionable" });
    box.setAttribute("role", "listbox");
    box.setAttribute("aria-label", field.dataset.mentionsLabel ?? "@");
    box.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the cursor stays in the text
      const index = [...box.children].indexOf(event.target.closest("li"));
      if (index >= 0) take(shown[index]);
    });
    field.after(box);
  }
  box.hidden = false;
  box.replaceChildren(...shown.map((each, index) => {
    const item = Object.assign(document.createElement("li"), { id: `mentionable-${index}` });
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(index === at));
    item.append(Object.assign(document.createElement("b"), { textContent: each.name, className: "clip" }), Object.assign(document.createElement("span"), { textContent: `@${each.user}`, className: "clip muted" }));
    return item;
  }));
  field.setAttribute("aria-controls", box.id);
  field.setAttribute("aria-activedescendant", `mentionable-${at}`);
}

function close() {
  if (!box || box.hidden) return;
  box.hidden = true;
  shown = [];
  field?.removeAttribute("aria-activedescendant");
}

function take({ user }) {
  const start = field.selectionStart - (query() ?? "").length;
  field.setRangeText(`${user} `, start, field.selectionStart, "end");
  close();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-mentions]")) return;
  field = event.target;
  look();
});
document.addEventListener("focusout", (event) => event.target === field && close());
document.addEventListener("keydown", (event) => {
  if (!box || box.hidden || event.target !== field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    at = (at + step + shown.length) % shown.length;
    open();
  } else if (event.key === "Enter" || event.key === "Tab") take(shown[at]);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);
