// When a text is in two places: a panel with both, and a person who says which of them stays.
// The words are in templates/desk/kept.html.
import { takeAway } from "./dom.js";

const LONGEST = 300;

const words = (text) => {
  const plain = text.includes("<") ? (new DOMParser().parseFromString(text.replace(/<\/(p|li)>|<br>/g, "$& "), "text/html").body.textContent ?? "") : text;
  const short = plain.replace(/\s+/g, " ").trim();
  return short.length > LONGEST ? `${short.slice(0, LONGEST)}…` : short;
};

/** Show the panel `name` in `place`; `acts` are its buttons, by their names. Each of them takes it away. */
export function showKept(place, name, { says, other, acts }) {
  const panel = document.getElementById(`kept-${name}`).content.cloneNode(true).firstElementChild;
  if (says) panel.querySelector("[data-says]").textContent = says;
  panel.querySelector("[data-other]").textContent = words(other);
  panel.addEventListener("click", (event) => {
    const act = event.target.closest("[data-kept]")?.dataset.kept;
    if (!act) return;
    takeAway(panel, place.closest("form")?.querySelector("[contenteditable=true], textarea:not([hidden])"));
    acts[act]();
  });
  place.replaceChildren(panel);
  return panel;
}
