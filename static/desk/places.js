// Places that are still to be filled in, such as {{ contact.name }}: told below the text, and nothing leaves before.
import { gettext } from "../words.js";
const OPEN = /\{\{\s*(?:\?[^{}\n]{1,99}|(?:agent|contact|conversation|queue)\.[a-z_]+)\s*\}\}/g;

/** The places in a text. */
export const openPlaces = (text) => [...new Set(text.match(OPEN) ?? [])];

/** Tell in the form which are left; a button leads to each. Returns them. */
export function tellPlaces(form, writing) {
  const places = openPlaces(writing.words());
  const line = form.querySelector("[data-open]");
  if (!line || line.dataset.told === places.join()) return places;
  line.dataset.told = places.join();
  line.hidden = !places.length;
  line.replaceChildren(`${gettext("Still to fill in:")} `, ...places.map((place) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: place.replace(/[{}?]/g, "").trim() });
    button.addEventListener("click", () => writing.select(place));
    return button;
  }));
  return places;
}
