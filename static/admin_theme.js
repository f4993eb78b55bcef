// The desk and the administration share one choice of the look; high contrast is light or dark as the system has it.
(function () {
  const chosen = localStorage.getItem("ucs:theme"), isMore = chosen === "contrast";
  localStorage.setItem("adminTheme", JSON.stringify(isMore ? "auto" : chosen || "auto"));
  if (isMore || (!chosen && matchMedia("(prefers-contrast: more)").matches)) document.documentElement.dataset.contrast = "more";
  addEventListener("pagehide", () => {
    const theme = JSON.parse(localStorage.getItem("adminTheme") || '"auto"');
    if (theme !== "auto") localStorage.setItem("ucs:theme", theme);
    else if (!isMore) localStorage.removeItem("ucs:theme");
  });
})();
