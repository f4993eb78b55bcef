// Setting up a mailbox: only the fields and values of the chosen way of signing in are shown.
(function () {
  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("[data-setup-signin]");
    if (!form) return;
    const follow = () => {
      const chosen = form.querySelector("[name=way]:checked");
      for (const part of form.querySelectorAll("[data-way]")) {
        part.hidden = !chosen || part.dataset.way !== chosen.value;
      }
      // What a new client needs is copied from here; one that is there has it.
      const isNew = chosen?.value === "new" && !form.elements.shared.value;
      for (const part of form.querySelectorAll("[data-console]")) {
        part.hidden = !isNew || part.dataset.console !== form.elements.kind.value;
      }
      for (const name of ["client_id", "client_secret"]) {
        form.elements[name].closest(".ucs-setup-field").hidden = Boolean(form.elements.shared.value);
      }
    };
    form.addEventListener("change", follow);
    follow();
  });
})();
