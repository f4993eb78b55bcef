// Setting up a mailbox: only the fields of the chosen way of signing in are shown.
(function () {
  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("[data-setup-signin]");
    if (!form) return;
    const follow = () => {
      const chosen = form.querySelector("[name=way]:checked");
      for (const part of form.querySelectorAll("[data-way]")) {
        part.hidden = !chosen || part.dataset.way !== chosen.value;
      }
    };
    form.addEventListener("change", follow);
    follow();
  });
})();
