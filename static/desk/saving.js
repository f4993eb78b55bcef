// "Save as a snippet": what is marked in the text, or all of it, under a name.
import { ask } from "./session.js";
import { toast } from "./toasts.js";
import { fill, gettext } from "../words.js";

const dialog = document.getElementById("snippet");
let html = "";

/** Ask for the name; `writing` has the text. */
export function saveSnippet(writing) {
  html = writing.marked();
  if (!html) return toast(gettext("Write a text first, and mark what is to be kept."));
  dialog.querySelector("[data-says]").textContent = new DOMParser().parseFromString(html.replace(/<\/(p|li)>/g, "$& "), "text/html").body.textContent;
  dialog.querySelector("[data-refused]").textContent = "";
  dialog.showModal();
  dialog.querySelector("[name=name]").select();
}

dialog?.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  body.set("html", html);
  const answer = await ask("/snippets", { method: "POST", body }).catch(() => null);
  if (answer?.ok) {
    dialog.close();
    toast(fill(gettext("Saved: type / and “%(name)s” to insert it."), await answer.json()));
  } else dialog.querySelector("[data-refused]").textContent = answer?.status === 409 ? await answer.text() : gettext("It could not be saved: try again.");
});
