// Requests of our own beside htmx, and signing in again without leaving the page.
const dialog = document.getElementById("sign-in");
let signingIn = Promise.resolve();
export const user = document.body.dataset.user;

/** The token that Django compares with the cookie; it changes with each sign-in. */
export function csrf() {
  return document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/)?.[1] ?? "";
}

/** A request that, when the session is over, waits until somebody signs in again. */
export async function ask(url, options = {}) {
  for (;;) {
    await signingIn;
    const headers = { "X-CSRFToken": csrf(), "X-Requested-With": "desk", ...options.headers };
    const answer = await fetch(url, { ...options, headers });
    if (answer.status !== 401) return answer;
    signedOut();
  }
}

export function signedOut() {
  if (dialog.open) return;
  dialog.showModal();
  signingIn = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  htmx.ajax("GET", "/login/", { target: "#sign-in-form", swap: "innerHTML" });
}

document.body.addEventListener("desk:signed-out", signedOut);
document.body.addEventListener("desk:signed-in", (event) => {
  if (String(event.detail.user) !== user) location.assign("/");
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
