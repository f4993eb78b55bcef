// Bring a part of the page up to date without touching what has not changed: no flicker, no lost focus or scroll.
//
// hx-swap="patch" compares the children of the target, by id, with what the server sent before:
//   the same as before            stays as it is
//   data-patch="inside"           its children are compared, not itself (if data-scope is the same)
//   data-patch="keep"             stays as it is while the server sends something of that id
//   data-patch="own"              stays as it is while it holds a form, unless what is sent has data-reset; without a
//                                 form while one of its buttons is being answered, which would come to nothing; and
//                                 data-reset is for the form that asked: one that was opened meanwhile stays
//   anything else                 is replaced
const served = new WeakMap();
const agedWords = /(<time[^>]*>)[^<]*/g; // the words for a time grow old by themselves

let asker = null;

/** Say whose answer comes next. */
export function answers(element) {
  asker = element;
}

/** Remember what the server sent, before anything here changes it. */
export function remember(root) {
  const compared = [...root.children, ...root.querySelectorAll('[data-patch="inside"] > *')];
  for (const element of compared) {
    if (!element.dataset.patch || element.dataset.patch === "own") served.set(element, element.outerHTML.replace(agedWords, "$1"));
  }
}

function isTypedIn(element) {
  return element.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), textarea, select");
}

function fate(old, fresh) {
  const kind = old.dataset.patch;
  if (kind === "keep") return "keep";
  const form = kind === "own" ? old.querySelector("form") : null;
  if (form) return "reset" in fresh.dataset && (form === asker || !asker?.matches("form[data-editor]")) ? "replace" : "keep";
  if (kind === "own" && old.querySelector(".htmx-request")) return "keep";
  if (kind === "inside" && old.dataset.scope === fresh.dataset.scope) return "inside";
  return (served.has(old) && served.get(old) === served.get(fresh)) || isTypedIn(old) ? "keep" : "replace";
}

function replace(old, fresh) {
  for (const details of old.querySelectorAll("details[id]")) {
    const twin = fresh.querySelector(`#${CSS.escape(details.id)}`);
    if (twin) twin.open = details.open;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const inMenu = focused && placeInMenu(focused);
  old.replaceWith(fresh);
  if (!focused) return;
  const next = focused.closest("[data-heir]")?.dataset.heir; // the field where one goes on when a button goes
  const [heir] = [focused.id, next].map((id) => id && document.getElementById(id)).filter(Boolean);
  const first = [...fresh.querySelectorAll("a, button, summary")].find((each) => each.checkVisibility());
  (heir ?? inMenu?.() ?? first)?.focus({ preventScroll: true });
}

/** Where in an open menu an element stands that has no id: what stands there in the menu that takes its place. */
function placeInMenu(element) {
  const menu = element.closest("details[id][open]");
  if (!menu) return null;
  const stops = (each) => [...each.querySelectorAll("a, button, summary, input, [tabindex]")];
  const at = stops(menu).indexOf(element);
  return () => {
    const there = stops(document.getElementById(menu.id) ?? document.createElement("i"));
    return there[Math.min(at, there.length - 1)];
  };
}

/** Give the focus back to what had it, as moving an element takes it away; to a neighbour, if that has gone. */
function keepFocus(target, act) {
  const before = target.contains(document.activeElement) ? document.activeElement : null;
  const at = before ? [...target.children].findIndex((each) => each.contains(before)) : -1;
  const done = act();
  if (!before || at < 0 || document.activeElement === before || (document.activeElement !== document.body && document.activeElement?.isConnected)) return done;
  const near = target.children[Math.min(at, target.children.length - 1)];
  const heir = before.isConnected ? before : near?.querySelector(before.matches(".row") ? ".row" : "a, button, input");
  (heir ?? target).focus({ preventScroll: true });
  return done;
}

function removeLeftovers(target, ids) {
  for (const element of [...target.children]) {
    if (!ids.has(element.id)) element.remove();
  }
}

/** Which words were searched for, when one comes to what is open already. */
function retell(known, fresh) {
  for (const name of ["find", "found"]) {
    if (name in fresh.dataset) known.dataset[name] = fresh.dataset[name];
    else delete known.dataset[name];
  }
}

/** Patch the children of `target` with those of `fragment`; returns the elements that are new. */
export const patch = (target, fragment) => keepFocus(target, () => patched(target, fragment));

function patched(target, fragment) {
  const wanted = [...fragment.children];
  const ids = new Set(wanted.map((element) => element.id));
  removeLeftovers(target, ids);
  const old = new Map([...target.children].map((element) => [element.id, element]));
  const added = [];
  let cursor = target.firstElementChild;
  for (const fresh of wanted) {
    const known = old.get(fresh.id);
    const what = known ? fate(known, fresh) : "insert";
    const here = what === "keep" || what === "inside" ? known : fresh;
    if (what === "inside") {
      retell(known, fresh);
      added.push(...patch(known, fresh));
    } else if (what !== "keep") added.push(fresh);
    if (what === "replace") {
      if (cursor === known) cursor = fresh;
      replace(known, fresh);
    }
    if (here === cursor) cursor = cursor.nextElementSibling;
    else target.insertBefore(here, cursor);
  }
  return added;
}

htmx.defineExtension("patch", {
  isInlineSwap: () => false,
  handleSwap(style, target, fragment) {
    if (style !== "patch") return false;
    remember(fragment);
    return patch(target, fragment);
  },
});
