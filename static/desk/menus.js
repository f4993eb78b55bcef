// Arrow keys in the small menus: they open one from its button, and lead from one line to the next.
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

document.addEventListener("keydown", (event) => {
  const step = STEPS[event.key], menu = step && event.target.closest?.("details.menu");
  if (!menu || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, select, textarea")) return;
  if (menu.querySelector("summary[aria-disabled=true]")) return;
  event.preventDefault();
  menu.open = true;
  const lines = [...menu.querySelectorAll(".menu-panel :is(a, button, input, select)")].filter((each) => each.checkVisibility() && !each.disabled);
  const at = lines.indexOf(event.target), first = step > 0 ? 0 : lines.length - 1;
  lines[at < 0 ? first : (at + step + lines.length) % lines.length]?.focus();
});
