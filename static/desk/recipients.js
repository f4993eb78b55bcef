// Addresses as chips: each can be removed, more can be typed or pasted; contacts that begin so are offered. The
// form sends them as one line of text.
import { ask } from "./session.js";
import { fill, gettext } from "../words.js";

const PAUSE = 180; // after the last key
const SHORTEST = 2;
const setters = new WeakMap();
let lists = 0;

const ADDRESS = /^[^\s@<>",;]+@[^\s@<>",;]+\.[^\s@<>",;]+$/;

/** Split "Doe, John" <j@example.com>, b@example.com at the commas between addresses. */
export function split(line) {
  const parts = line.match(/(?:"[^"]*"|<[^>]*>|[^,;\n"<])+/g) ?? [];
  return parts.map((part) => part.trim()).filter(Boolean);
}

function emailOf(text) {
  return text.match(/<([^>]*)>/)?.[1] ?? text;
}

function nameOf(text) {
  return text.match(/^\s*"?([^"<]+?)"?\s*</)?.[1] ?? text;
}

/** Replace the people of a field that is made of chips. */
export function setPeople(value, line) {
  setters.get(value)?.(split(line));
}

/** Offer contacts to `entry` whose name or address begins with what is typed. */
function offer(entry) {
  const list = document.createElement("datalist");
  list.id = `people-${++lists}`;
  entry.setAttribute("list", list.id);
  entry.after(list);
  let timer = 0, asked = "";
  entry.addEventListener("input", () => {
    clearTimeout(timer);
    const typed = entry.value.trim();
    if (typed.length < SHORTEST || typed === asked || typed.includes("<")) return;
    timer = setTimeout(async () => {
      asked = typed;
      const answer = await ask(`/people?q=${encodeURIComponent(typed)}`).catch(() => null);
      if (!answer?.ok) return;
      const { people } = await answer.json();
      list.replaceChildren(...people.map((each) => Object.assign(document.createElement("option"), { value: each })));
    }, PAUSE);
  });
}

/** Turn the input inside of `box` into chips. */
export function makeChips(box, onChange) {
  const value = box.querySelector("input");
  const entry = value.cloneNode();
  entry.removeAttribute("name");
  entry.value = "";
  value.type = "hidden";
  value.removeAttribute("id");
  box.append(entry);
  offer(entry);
  let people = split(value.value);

  const store = () => {
    value.value = [...people, ...split(entry.value)].join(", ");
    onChange();
  };
  const draw = () => {
    for (const chip of box.querySelectorAll(".chip")) chip.remove();
    for (const text of people) box.insertBefore(chip(text), entry);
  };
  const chip = (text) => {
    const element = document.createElement("span");
    element.className = ADDRESS.test(emailOf(text)) ? "chip" : "chip bad";
    element.title = text;
    const words = document.createElement("span");
    words.className = "clip";
    words.textContent = nameOf(text);
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", fill(gettext("Remove %(name)s"), { name: text }));
    remove.addEventListener("click", () => {
      people = people.filter((each) => each !== text);
      draw();
      store();
      entry.focus();
    });
    element.append(words, remove);
    return element;
  };
  const take = () => {
    const typed = split(entry.value);
    if (!typed.length) return;
    people = [...new Set([...people, ...typed])];
    entry.value = "";
    draw();
    store();
  };
  entry.addEventListener("input", () => {
    if (/[,;\n]\s*$/.test(entry.value) || /^[^,]*<[^<>\s]+@[^<>\s]+>$/.test(entry.value)) take();
    else store();
  });
  entry.addEventListener("blur", take);
  entry.addEventListener("paste", () => setTimeout(take));
  entry.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && !entry.value && people.length) {
      people = people.slice(0, -1);
      draw();
      store();
    }
  });
  setters.set(value, (chosen) => {
    people = chosen;
    draw();
    store();
  });
  draw();
}
