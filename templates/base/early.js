// Keys and buttons pressed before a page's own scripts have run: kept, and pressed again once those listen.
// A page that didn't come whole, or whose scripts or styles didn't: loaded again. Part of the page itself, so that no
// killed server can keep this one back.
//
// Who knows the page is faster than one that has just been painted. Of the keys only letters and signs are kept,
// outside of fields: what a browser does by itself (Tab, Enter, Space, links, menus) it goes on doing.
(function () {
  let kept = [];
  const BUTTON = "button:is([type=button], [hx-get], [hx-post], [hx-delete]), [aria-disabled=true], [data-act]";
  const isTyping = (element) => element?.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");

  function keep(event) {
    const isText = event.key?.length === 1 && (event.key !== " " || kept.length); // a blank among words is one of them
    const isPlain = isText && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isPlain || isTyping(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // some scripts may listen already
    kept.push({ isKey: true, act: () => press(event.key) });
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
    kept.push({ act: () => (button ? button.click() : target.requestSubmit(submitter)) });
  }
  /** Who chooses a field by hand writes there; the keys before were for something else. */
  function choose({ target }) {
    if (isTyping(target)) kept = kept.filter((each) => !each.isKey);
  }
  function press(key) {
    const element = document.activeElement ?? document.body;
    if (isTyping(element)) document.execCommand("insertText", false, key); // the key before it has opened a field
    else element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  }

  const early = [["keydown", keep], ["click", hold], ["submit", hold], ["pointerdown", choose]];
  early.forEach(([name, act]) => addEventListener(name, act, true));
  // Else nobody would hear it but the browser itself.
  addEventListener("ucs:whole", () => {
    early.forEach(([name, act]) => removeEventListener(name, act, true));
    kept.forEach(({ act }) => act());
  }, { once: true });
})();

// Such a page looks alive, and keeps nothing of what is typed.
(function () {
  const MOST = 5; // times in a row; somebody may block a script for good
  const COUNT = "ucs:unfinished";
  const TYPED = `ucs:typed:${location.pathname}${location.search}`; // the field of another page is another answer
  const PAUSE = 1000;
  const REST = 60000; // after the MOST
  const PATIENCE = 10000; // with the server, longer each time
  const LATE = 20000; // without anything that comes: somebody takes requests, and neither answers nor refuses
  const STEP = 5000;
  const NEEDED = "script, link[rel=stylesheet]:not([media])";
  const ENTRIES = "input:not([type=hidden], [type=checkbox], [type=radio], [type=file], [type=password])";
  const FIELDS = "textarea[id], input[id]:not([type=hidden], [type=checkbox], [type=file], [type=password])";
  const chosen = new Set(); // the selects in which somebody has chosen
  let isTrying = false;
  let isMissed = false;
  let isReady = false;
  let size = 0; // of the page, and when it was seen to grow
  let grown = 0;

  async function again(address, patience = PATIENCE) {
    const asked = fetch(address, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(patience) });
    const isThere = await asked.then((answer) => answer.status < 500, () => false);
    if (isThere) location.reload();
    else setTimeout(again, PAUSE, address, Math.min(patience + PATIENCE, REST));
  }

  const kept = () => JSON.parse(sessionStorage.getItem(TYPED) ?? "{}");
  function store(fields) {
    if (fields.length) sessionStorage.setItem(TYPED, JSON.stringify({ user: document.body.dataset.user, fields }));
    else sessionStorage.removeItem(TYPED);
  }
  /** Which text a field is part of: the form has the mark of its draft, as soon as there is one. */
  function mark({ form }) {
    const { version, editor } = form?.dataset ?? {};
    return [editor ?? "", Number(version) ? form.elements.token?.value : ""];
  }
  const fieldOf = ([id]) => document.getElementById(id);

  function keepTyped() {
    if (isReady || !document.body) return;
    const typed = [...document.querySelectorAll(FIELDS)].filter((field) => !field.hidden && field.value !== field.defaultValue);
    const { user, fields = [] } = kept();
    const before = user === document.body.dataset.user ? fields.filter((each) => !fieldOf(each)) : [];
    store([...before, ...typed.map((field) => [field.id, field.value, field.defaultValue, ...mark(field)])]);
  }
  function putBack() {
    const { user, fields } = kept();
    if (!fields) return;
    const isTheirs = user === document.body.dataset.user;
    if (isTheirs) for (const each of fields) if (isPartOf(fieldOf(each), each)) putInto(fieldOf(each), each);
    store(isTheirs ? fields.filter((each) => !fieldOf(each)) : []);
  }
  /** Not of an answer that has left meanwhile, and nothing that was for somebody else. */
  function isPartOf(field, [, , , wasEditor, wasToken]) {
    const [editor, token] = field ? mark(field) : [];
    return editor === wasEditor && ["", token].includes(wasToken);
  }
  /** What it holds by now, from another window or typed already, stays in it. */
  function putInto(field, [, value, wasDefault]) {
    const isUntouched = field.value === field.defaultValue && field.defaultValue === wasDefault;
    if (isUntouched) field.value = value;
    else if (field.matches("textarea") && !field.value.includes(value)) field.value = [field.value, value].filter(Boolean).join("\n\n");
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
    setTimeout(again, times > MOST ? REST : 0, address);
  }
  function look() {
    if (isReady || isMissed) return;
    if (document.all.length > size) [size, grown] = [document.all.length, performance.now()];
    const came = performance.getEntriesByType("resource").map((each) => each.responseEnd);
    const isComing = performance.now() - Math.max(grown, ...came) < LATE;
    if (isComing) return void setTimeout(look, STEP); // over a slow line
    if (Number(sessionStorage.getItem(COUNT)) >= MOST) return tell();
    stop(); // what hangs takes the place of what is asked now
    miss(location.href);
  }

  addEventListener("error", ({ target }) => {
    const address = target.matches?.(NEEDED) && (target.src ?? target.href);
    if (address && new URL(address).origin === location.origin) miss(address); // else it is an extension's
  }, true);
  setTimeout(look, STEP);
  addEventListener("change", ({ target }) => target.matches?.("select") && !isReady && chosen.add(target), true);
  addEventListener("pagehide", keepTyped);
  document.addEventListener("visibilitychange", keepTyped); // a phone ends what sleeps without a word
  document.addEventListener("readystatechange", putBack, { once: true }); // before any module runs
  // At the window: after everybody who waits for this event at the document.
  addEventListener("DOMContentLoaded", () => {
    if (!document.getElementById("page-end")) miss(location.href);
    isReady = !isMissed;
    tell();
    if (!isReady) return;
    store(kept().fields?.filter((each) => !fieldOf(each)) ?? []);
    // Who listens to a field has not heard what was typed into it till now.
    for (const field of document.querySelectorAll(ENTRIES)) if (field.value !== field.defaultValue) field.dispatchEvent(new Event("input", { bubbles: true }));
    for (const field of chosen) if (field.isConnected) field.dispatchEvent(new Event("change", { bubbles: true }));
    dispatchEvent(new Event("ucs:whole"));
  });
  addEventListener("load", () => isReady && sessionStorage.removeItem(COUNT));
})();
