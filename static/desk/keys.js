// Keys without modifiers, never while typing; the list of them is templates/desk/keys.html.
const VIEWS = { m: "mine", w: "waiting", u: "unassigned", p: "pending", s: "snoozed", c: "closed", a: "all" };
const PAIR = 1200;
let gPressedAt = 0;

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
  r: () => press('[data-key="r"]'),
  n: () => press('[data-key="n"]'),
  t: () => press('[data-key="t"]'),
  e: () => press('[data-key="e"]'),
  c: () => press("#compose"),
  "/": () => document.getElementById("q")?.focus(),
  "?": () => document.getElementById("keys").showModal(),
};

/** Handle a key pressed in the page or inside a mail. */
export function onKey(event) {
  if (event.key === "Escape") return leave(event);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return send(event);
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
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
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (isTyping(event.target)) event.target.blur();
  delete document.getElementById("desk").dataset.nav;
}
