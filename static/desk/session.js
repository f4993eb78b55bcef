// Requests of our own beside htmx, and signing in again without leaving the page.
import { bring } from "./dom.js";
import { hearClock } from "./times.js";
import { toast } from "./toasts.js";
import { gettext } from "../words.js";

const dialog = document.getElementById("sign-in");
const CALM = 1000; // without a key: what is being typed must not go into the dialog
const RETRY = 3000;
let signingIn = Promise.resolve();
let isOut = false;
let signIns = 0; // in this page
let typedAt = 0;
export const user = document.body.dataset.user;

/** The token that Django compares with the cookie; it changes with each sign-in. */
export function csrf() {
  return document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/)?.[1] ?? "";
}

/** For a request that leaves now: what to call when it is refused with 401. That is false, and nobody is asked to
 *  sign in, if somebody has while it was on its way. */
export function asking() {
  const since = signIns;
  return () => {
    if (since === signIns) signedOut();
    return since === signIns;
  };
}

/** A request that, when the session is over, waits until somebody signs in again. */
export async function ask(url, options = {}) {
  for (;;) {
    await signingIn;
    const refused = asking();
    const headers = { "X-CSRFToken": csrf(), "X-Requested-With": "desk", ...options.headers };
    const answer = await fetch(url, { ...options, headers });
    hearClock(answer);
    if (answer.status !== 401) return answer;
    refused();
  }
}

function signedOut() {
  if (isOut) return;
  isOut = true;
  signingIn = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  askToSignIn();
}

function askToSignIn() {
  const left = typedAt + CALM - Date.now();
  if (left > 0) return void setTimeout(askToSignIn, left);
  dialog.showModal();
  fetchForm();
}

/** Again and again while the server is away: nobody can sign in at an empty dialog. */
async function fetchForm() {
  await bring("/login/", "#sign-in-form");
  if (dialog.open && !dialog.querySelector("form")) setTimeout(fetchForm, RETRY);
}

dialog.addEventListener("close", () => (isOut = false));
document.addEventListener("keydown", () => (typedAt = Date.now()), true);

const begun = new WeakMap();
document.body.addEventListener("htmx:beforeRequest", ({ detail }) => begun.set(detail.requestConfig, asking()));
document.body.addEventListener("htmx:afterRequest", ({ detail: { xhr, requestConfig } }) => {
  if (xhr.status !== 401 || begun.get(requestConfig)() || requestConfig.verb === "get") return;
  toast(gettext("It could not be saved: try again."), { error: true });
});
document.body.addEventListener("desk:signed-in", (event) => {
  if (String(event.detail.user) !== user) return location.assign("/"); // what waits here is not theirs, and goes on waiting
  signIns += 1;
  for (const input of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) input.value = csrf();
  dialog.close();
});
// Signed in with a provider's account in another tab of this browser (static/signed_in.js).
new BroadcastChannel("ucs:signed-in").addEventListener("message", ({ data }) => {
  if (dialog.open) document.body.dispatchEvent(new CustomEvent("desk:signed-in", { detail: data }));
});
document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = csrf();
});
