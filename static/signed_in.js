// The end of a sign-in in a tab of its own: tell the pages that wait, which belong to the same browser.
const { user } = document.body.dataset;
new BroadcastChannel("ucs:signed-in").postMessage({ user });
close(); // which browsers allow only for tabs that a script has opened
