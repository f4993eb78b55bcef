// Menus by keys: where one begins, and the arrows from line to line.

const LINES = "summary, .menu-panel :is(button, a, input, select, textarea)";
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/** Open a menu at its first line. */
export function openMenu(menu) {
  menu.open = true;
  menu.querySelector(".menu-panel :is(button, a, input, select, textarea):not([hidden])")?.focus();
}

document.addEventListener("keydown", (event) => {
  const step = STEPS[event.key], menu = event.target.closest?.("details.menu[open]");
  if (!step || !menu || event.defaultPrevented || !event.target.matches("summary, button, a")) return;
  const lines = [...menu.querySelectorAll(LINES)].filter((line) => line.checkVisibility());
  event.preventDefault();
  lines.at((lines.indexOf(event.target) + step) % lines.length).focus();
});
