// What every page around a desk shares: the theme, the menus, the key help, how failures are told, and signing out.
import { takeAway } from "./dom.js";
import { tellLeavers } from "./leaving.js";
import { toast } from "./toasts.js";
import { gettext } from "../words.js";

const desk = document.getElementById("desk");

tellLeavers((words) => toast(words, { error: true }));

document.body.addEventListener("htmx:sendError", (event) => {
  if (event.detail.elt.id.startsWith("refresh")) return;
  toast(gettext("The server can’t be reached. What you wrote is kept; try again in a moment."), { error: true });
});
document.body.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 401 || event.detail.elt.id.startsWith("refresh")) return;
  if (status === 404) toast(gettext("This is not here any more, or you may not see it now."), { error: true });
  else if (status === 403) toast(gettext("The page is too old: load it again. What you wrote is kept."), { error: true });
  else toast(gettext("Something went wrong on our side. It has been written to the log."), { error: true });
});

const ACTS = {
  keys: () => document.getElementById("keys").showModal(),
  nav: () => (desk.dataset.nav = "open"),
  dismiss: (button) => takeAway(button.closest(".toast"), document.querySelector("#conversation, #main")),
  exported: () => toast(gettext("Your browser saves the table among its downloads. The audit log notes who exported it.")),
  leave: (button) => button.closest("dialog").close(),
};

/** Let buttons with data-act do what `acts` says, too. */
export function addActs(acts) {
  Object.assign(ACTS, acts);
}

/** Begin; `acts` as above. */
export function startPage(acts = {}) {
  addActs(acts);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) ACTS[button.dataset.act](button, event);
    const refused = event.target.closest('[aria-disabled="true"][data-reason]');
    if (refused) {
      event.preventDefault();
      toast(refused.dataset.reason);
    }
    for (const menu of document.querySelectorAll("details:is(.menu, .why)[open]")) if (!menu.contains(event.target)) menu.open = false;
    if (desk.dataset.nav && !event.target.closest("[data-act=nav]") && (event.target.closest(".nav-link") || !event.target.closest(".nav"))) delete desk.dataset.nav;
  });
}
