// What a search has found, said to who does not see it appear.
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

function words(place) {
  const count = place.querySelectorAll(".row, .choice, [data-line]").length;
  if (!count) return (place.querySelector(".empty, .empty-page, .empty-line") ?? place).innerText.replace(/\s+/g, " ").trim();
  if (place.querySelector("#more, .more-line")) return fill(gettext("More than %(count)s found"), { count });
  return fill(ngettext("%(count)s found", "%(count)s found", count), { count });
}
