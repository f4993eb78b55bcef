// What a search has found, and what takes its time, said to who does not see it appear.
import { fill, gettext, ngettext } from "../words.js";

const ASKING = "input[type=search], form[role=search]";
const PLACES = "#rows, #act-choices, #people, #firms, #trail-rows, #merge-choices";
const dialog = document.getElementById("act");

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  const { target, requestConfig } = detail;
  if (!requestConfig?.elt.matches(ASKING) || !target.matches(PLACES)) return;
  // What is outside of an open dialog is not read.
  document.getElementById(dialog.contains(target) ? "act-news" : "news").textContent = words(target);
});
dialog.addEventListener("close", () => document.getElementById("act-news").replaceChildren());

// What takes its time is told as it begins and as it ends, not at each step between: the page asks for those each second.
const stages = () => [...document.querySelectorAll("[data-stage]")];
let told = new Set(stages().map(({ dataset }) => dataset.stage)); // what came with the page is read with it

/** Say how far it is, if that is another stage than what was said before. */
export function tellStages() {
  const fresh = stages().filter(({ dataset }) => !told.has(dataset.stage));
  told = new Set(stages().map(({ dataset }) => dataset.stage));
  if (fresh.length) document.getElementById("news").textContent = fresh.map(said).join(" ");
}
document.body.addEventListener("htmx:afterSwap", tellStages);

const said = (place) => place.innerText.replace(/\s+/g, " ").trim();

function words(place) {
  const count = place.querySelectorAll(".row, .choice, [data-line]").length;
  if (!count) return said(place.querySelector(".empty, .empty-page, .empty-line") ?? place);
  if (place.querySelector("#more, .more-line")) return fill(gettext("More than %(count)s found"), { count });
  return fill(ngettext("%(count)s found", "%(count)s found", count), { count });
}
