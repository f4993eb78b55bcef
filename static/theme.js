// The look of every page, before the first paint: as chosen in this browser, else as the system has it.
//
// `data-theme` is light or dark, `data-contrast` is there for high contrast; the colours are in base.css.
(function () {
  const dark = matchMedia("(prefers-color-scheme: dark)"), more = matchMedia("(prefers-contrast: more)");
  const paper = matchMedia("print"); // white, whatever the screen is
  const chosen = () => localStorage.getItem("ucs:theme") || "system";

  function press() {
    for (const button of document.querySelectorAll("[data-theme-choice]")) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen()));
  }
  function apply() {
    const choice = chosen(), { dataset } = document.documentElement;
    dataset.theme = paper.matches ? "light" : ["light", "dark"].includes(choice) ? choice : dark.matches ? "dark" : "light";
    if (paper.matches) delete dataset.contrast;
    else if (choice === "contrast" || (choice === "system" && more.matches)) dataset.contrast = "more";
    else delete dataset.contrast;
    press();
  }

  apply();
  for (const system of [dark, more, paper]) system.addEventListener("change", apply);
  addEventListener("storage", apply);
  document.addEventListener("DOMContentLoaded", press);
  document.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-theme-choice]")?.dataset.themeChoice;
    if (!choice) return;
    if (choice === "system") localStorage.removeItem("ucs:theme");
    else localStorage.setItem("ucs:theme", choice);
    apply();
  });
})();
