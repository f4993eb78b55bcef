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
  const TYPED = "ucs:typed";
  const PAUSE = 1000;
  const LATE = 20000; // somebody in between takes a request, and neither answers nor refuses
  const NEEDED = "script, link[rel=stylesheet]:not([media])";
  let isMissed = false;
  let isReady = false;

  async function again(address) {
    const isThere = await fetch(address, { cache: "no-store" }).then((answer) => answer.status < 500, () => false);
    if (isReady) return;
    if (isThere) location.reload();
    else setTimeout(again, PAUSE, address);
  }

  // Back in the same page only: the field of another one is another answer.
  function keepTyped() {
    if (isReady) return;
    const typed = [...document.querySelectorAll("textarea[id]")].filter((field) => field.value !== field.defaultValue);
    const fields = typed.map(({ id, value }) => [id, value]);
    if (fields.length) sessionStorage.setItem(TYPED, JSON.stringify({ page: location.href, fields }));
  }
  function putBack() {
    const { page, fields } = JSON.parse(sessionStorage.getItem(TYPED) ?? "{}");
    sessionStorage.removeItem(TYPED);
    if (page !== location.href) return;
    for (const [id, value] of fields) if (document.getElementById(id)) document.getElementById(id).value = value;
  }

  function tell() {
    const [notice, desk] = ["unfinished", "desk"].map((id) => document.getElementById(id));
    if (notice) notice.hidden = isReady; // else not even that has come
    if (desk) desk.inert = !isReady;
  }

  let isTrying = false;
  function loadAgain(address) {
    if (!isTrying) {
      isTrying = true;
      const times = Number(sessionStorage.getItem(COUNT)) + 1;
      sessionStorage.setItem(COUNT, times);
      if (times <= MOST) again(address);
    }
    tell();
  }
  function miss(address) {
    isMissed = true;
    loadAgain(address);
  }

  addEventListener("error", ({ target }) => target.matches?.(NEEDED) && miss(target.src ?? target.href), true);
  setTimeout(() => isReady || loadAgain(location.href), LATE);
  addEventListener("pagehide", keepTyped);
  document.addEventListener("readystatechange", putBack, { once: true }); // before any module runs
  addEventListener("DOMContentLoaded", () => {
    if (!document.getElementById("page-end")) miss(location.href);
    isReady = !isMissed;
    tell();
  });
  addEventListener("load", () => isReady && !isMissed && sessionStorage.removeItem(COUNT));
})();
