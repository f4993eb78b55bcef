// Keys and buttons pressed before a page's own scripts have run: kept, and pressed again once those listen.
// A page that didn't come whole, or whose scripts or styles didn't: loaded again. Part of the page itself, so that no
// killed server can keep this one back.
//
// Who knows the page is faster than one that has just been painted. Of the keys only letters and signs are kept,
// outside of fields: what a browser does by itself (Tab, Enter, Space, links, menus) it goes on doing.
(function () {
  const kept = [];
  const BUTTON = "button:is([type=button], [hx-get], [hx-post], [hx-delete]), [aria-disabled=true], [data-act]";
  const isTyping = (element) => element?.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");

  function keep(event) {
    const isText = event.key?.length === 1 && (event.key !== " " || kept.length); // a blank among words is one of them
    const isPlain = isText && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isPlain || isTyping(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // some scripts may listen already
    kept.push(() => press(event.key));
  }
  // Only a script knows what most buttons do; a form sent by the browser itself would end up in the address, and one
  // that signs out would not ask whether words are lost.
  const BROWSERS = ":is([method], [action]):not([data-leaving])";
  function hold(event) {
    const { target, submitter } = event;
    const button = event.type === "click" && target.closest?.(BUTTON);
    if (event.type === "click" ? !button : target.matches(BROWSERS)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    kept.push(() => (button ? button.click() : target.requestSubmit(submitter)));
  }
  function press(key) {
    const element = document.activeElement ?? document.body;
    if (isTyping(element)) document.execCommand("insertText", false, key); // the key before it has opened a field
    else element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  }

  const early = [["keydown", keep], ["click", hold], ["submit", hold]];
  early.forEach(([name, act]) => addEventListener(name, act, true));
  // At the window: after everybody who waits for this event at the document.
  addEventListener("DOMContentLoaded", () => {
    early.forEach(([name, act]) => removeEventListener(name, act, true));
    kept.forEach((act) => act());
  }, { once: true });
})();

// Such a page looks alive, and keeps nothing of what is typed.
(function () {
  const MOST = 5; // times in a row; somebody may block a script for good
  const COUNT = "ucs:unfinished";
  const TYPED = `ucs:typed:${location.pathname}${location.search}`; // the field of another page is another answer
  const PAUSE = 1000;
  const PATIENCE = 10000; // with the server
  const LATE = 20000; // without a file that comes: somebody takes requests, and neither answers nor refuses
  const NEEDED = "script, link[rel=stylesheet]:not([media])";
  const FIELDS = "textarea[id], input[id]:not([type=hidden], [type=checkbox], [type=file], [type=password])";
  let isTrying = false;
  let isMissed = false;
  let isReady = false;

  async function again(address) {
    const asked = fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    const isThere = await asked.then((answer) => answer.status < 500, () => false);
    if (isThere) location.reload();
    else setTimeout(again, PAUSE, address);
  }

  function keepTyped() {
    const typed = isReady ? [] : [...document.querySelectorAll(FIELDS)].filter((field) => field.value !== field.defaultValue);
    const fields = typed.map(({ id, value, defaultValue }) => [id, value, defaultValue]);
    if (fields.length) sessionStorage.setItem(TYPED, JSON.stringify({ user: document.body.dataset.user, fields }));
  }
  function putBack() {
    const { user, fields } = JSON.parse(sessionStorage.getItem(TYPED) ?? "{}");
    if (!fields) return;
    const left = user === document.body.dataset.user ? fields.filter((each) => !putInto(...each)) : [];
    if (left.length) sessionStorage.setItem(TYPED, JSON.stringify({ user, fields: left }));
    else sessionStorage.removeItem(TYPED);
  }
  /** Whether the field is there. What it holds by now, from another window or typed already, stays in it. */
  function putInto(id, value, wasDefault) {
    const field = document.getElementById(id);
    if (!field) return false;
    const isUntouched = field.value === field.defaultValue && field.defaultValue === wasDefault;
    if (isUntouched) field.value = value;
    else if (field.matches("textarea") && !field.value.includes(value)) field.value = [field.value, value].filter(Boolean).join("\n\n");
    return true;
  }

  function tell() {
    const [notice, desk] = ["unfinished", "desk"].map((id) => document.getElementById(id));
    if (notice) notice.hidden = isReady; // else not even that has come
    if (desk) desk.inert = !isReady;
  }

  function miss(address) {
    if (isReady) return; // what comes later belongs to something that says itself what it lacks
    isMissed = true;
    tell();
    if (isTrying) return;
    isTrying = true;
    const times = Number(sessionStorage.getItem(COUNT)) + 1;
    sessionStorage.setItem(COUNT, times);
    if (times <= MOST) again(address);
  }
  function look() {
    if (isReady || isMissed) return;
    const came = performance.getEntriesByType("resource").map((each) => each.responseEnd);
    const rest = LATE - (performance.now() - Math.max(0, ...came));
    if (rest > 0) return void setTimeout(look, rest); // a slow line
    if (Number(sessionStorage.getItem(COUNT)) >= MOST) return tell();
    stop(); // what hangs takes the place of what is asked now
    miss(location.href);
  }

  addEventListener("error", ({ target }) => {
    const address = target.matches?.(NEEDED) && (target.src ?? target.href);
    if (address && new URL(address).origin === location.origin) miss(address); // else it is an extension's
  }, true);
  setTimeout(look, LATE);
  addEventListener("pagehide", keepTyped);
  document.addEventListener("readystatechange", putBack, { once: true }); // before any module runs
  addEventListener("DOMContentLoaded", () => {
    if (!document.getElementById("page-end")) miss(location.href);
    isReady = !isMissed;
    tell();
  });
  addEventListener("load", () => isReady && sessionStorage.removeItem(COUNT));
})();
