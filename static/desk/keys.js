// Keys without modifiers, never while typing; the list of them is templates/desk/keys.html.
import { openPresence } from "./presence.js";

const VIEWS = { m: "mine", w: "waiting", u: "unassigned", p: "pending", s: "snoozed", h: "held", c: "closed", a: "all" };
const PAIR = 1200;
const OPENING = 3000;
let gPressedAt = 0;
let ahead = null; // keys pressed after "reply" and before the editor is there

/** What was typed while an editor was being opened; from now on keys are keys again. */
export function typedAhead() {
  const text = ahead?.text ?? "";
  ahead = null;
  return text;
}

/** Open an editor; `text` and what is typed meanwhile will stand in it. */
function open(selector, text = "") {
  const button = document.querySelector(selector);
  if (!button || button.getAttribute("aria-disabled") === "true") return button?.click();
  ahead = { text, until: Date.now() + OPENING };
  button.click();
}

function isAhead(event) {
  if (!ahead || Date.now() > ahead.until) return false;
  event.preventDefault();
  if (event.key.length === 1) ahead.text += event.key;
  if (event.key === "Enter") ahead.text += "\n";
  return true;
}

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]");
const press = (selector) => document.querySelector(selector)?.click();

function move(step) {
  const rows = [...document.querySelectorAll("#rows .row")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row === document.activeElement);
  const from = at >= 0 ? at : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const next = rows[Math.min(Math.max(from + step, 0), rows.length - 1)];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

const ACTS = {
  j: () => move(1),
  k: () => move(-1),
  o: () => document.activeElement?.matches(".row") && document.activeElement.click(),
  r: () => open('[data-key="r"]'),
  n: () => open('[data-key="n"]'),
  t: () => press('[data-key="t"]'),
  e: () => press('[data-key="e"]'),
  m: () => press('[data-key="m"]'),
  c: () => press("#compose"),
  y: () => press("#offer-cards [data-accept]"),
  p: openPresence,
  x: () => open('[data-key="r"]', "/"),
  "/": () => document.getElementById("q")?.focus(),
  "?": () => document.getElementById("keys").showModal(),
};

/** Handle a key pressed in the page or inside a mail. */
export function onKey(event) {
  if (event.key === "Escape") return leave(event);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return send(event);
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]") || isAhead(event)) return;
  if (Date.now() - gPressedAt < PAIR) {
    gPressedAt = 0;
    if (event.key === "n") return press("#take-next");
    if (VIEWS[event.key]) return press(`#view-${VIEWS[event.key]}`);
  }
  if (event.key === "g") gPressedAt = Date.now();
  else if (ACTS[event.key]) {
    event.preventDefault();
    ACTS[event.key]();
  }
}

function send(event) {
  const form = event.target.closest?.("form[data-editor]");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("[type=submit]"));
}

function leave(event) {
  const menu = document.querySelector("details:is(.menu, .why)[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (isTyping(event.target)) event.target.blur();
  delete document.getElementById("desk").dataset.nav;
}
