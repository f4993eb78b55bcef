// The desk and the administration share one choice of light or dark.
(function () {
  const chosen = localStorage.getItem("ucs:theme");
  localStorage.setItem("adminTheme", JSON.stringify(chosen || "auto"));
  addEventListener("pagehide", () => {
    const theme = JSON.parse(localStorage.getItem("adminTheme") || '"auto"');
    if (theme === "auto") localStorage.removeItem("ucs:theme");
    else localStorage.setItem("ucs:theme", theme);
  });
})();
