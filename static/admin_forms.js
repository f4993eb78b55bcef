// Small helps on the forms of the administration: copy buttons, whose token a token URL means, what a type of
// provider wants.
(function () {
  async function copy(button) {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      // No clipboard without https: the text is marked, ready for Ctrl+C.
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = before; }, 1600);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });

  // A file that is saved changes nothing on the page: it is said here.
  function tellExport(place) {
    const told = document.createElement("p");
    Object.assign(told, { className: "ucs-exported", role: "status" });
    if (place.nextElementSibling?.matches(".ucs-exported")) place.nextElementSibling.remove();
    place.after(told);
    told.textContent = "Your browser saves the file among its downloads, which may take a while. The audit log notes who made it.";
  }
  for (const [name, wanted] of [["submit", "form[data-exports]"], ["click", "a[data-exports]"]]) {
    document.addEventListener(name, (event) => {
      const place = event.target.closest(wanted);
      if (place) tellExport(place.closest("p") ?? place);
    });
  }

  function watch(note) {
    const field = document.getElementById(note.dataset.describes);
    let timer = 0;
    async function describe() {
      const text = field.value.trim();
      if (!/^https?:/i.test(text)) { note.textContent = ""; return; }
      const body = new FormData();
      body.append("secret", text);
      const token = field.form.querySelector("[name=csrfmiddlewaretoken]").value;
      const answer = await fetch(note.dataset.url, { method: "POST", body, headers: { "X-CSRFToken": token } });
      if (answer.ok && field.value.trim() === text) note.textContent = await answer.text();
    }
    field.addEventListener("input", () => {
      // A token URL is no secret: it is shown, so that a wrong digit is seen.
      field.type = /^https?:/i.test(field.value.trim()) ? "text" : "password";
      clearTimeout(timer);
      timer = setTimeout(() => describe().catch(() => { note.textContent = ""; }), 300);
    });
  }

  // What is beside the form of a new provider, and the scope, follow the type that is chosen.
  function follow(type) {
    const kinds = [...document.querySelectorAll("[data-kind]")];
    const scope = document.getElementById("id_scope");
    // A star for what this type needs, as the form's own, and for the folded part that holds some of it.
    function mark(needed) {
      document.querySelectorAll("summary.ucs-needed").forEach((each) => each.classList.remove("ucs-needed"));
      document.querySelectorAll("label[for]").forEach((label) => {
        const own = label.querySelector("span"); // of what is needed anyhow
        const isNeeded = !own && needed.includes(label.htmlFor.replace("id_", ""));
        label.classList.toggle("ucs-needed", isNeeded);
        if (isNeeded) label.closest("details")?.querySelector("summary").classList.add("ucs-needed");
      });
    }
    const examples = [...document.querySelectorAll("input[placeholder^=http]")].map((each) => [each, each.placeholder]);
    function choose() {
      // The grey addresses are those of the first type: another one's are its own.
      examples.forEach(([each, text]) => { each.placeholder = type.value === kinds[0]?.dataset.kind ? text : ""; });
      const chosen = kinds.find((each) => each.dataset.kind === type.value);
      if (!chosen) return;
      kinds.forEach((each) => { each.open = each === chosen; });
      mark(chosen.dataset.needed.split(" "));
      if (!kinds.some((each) => each.dataset.scope === scope.value.trim())) return; // somebody typed it
      scope.value = chosen.dataset.scope;
      scope.dispatchEvent(new Event("input", { bubbles: true }));
    }
    type.addEventListener("change", choose);
    choose();
  }

  // 🔑 leaves the page: what is typed in and not saved would be gone without a word.
  function keepTyped(key) {
    const form = document.querySelector("#content-main form[id$=_form]");
    if (!form) return;
    const typed = () => JSON.stringify([...new FormData(form)].map(([name, value]) => [name, value.name ?? value]));
    let before = typed(), isTouched = false;
    form.addEventListener("input", ({ isTrusted }) => { isTouched ||= isTrusted; });
    addEventListener("load", () => { if (!isTouched) before = typed(); }); // after the other scripts have filled it in
    key.addEventListener("submit", (event) => {
      if (typed() === before && !form.querySelector(".errorlist")) return;
      if (!confirm("What you have changed on this page is not saved, and 🔑 leaves it. Leave without saving?")) event.preventDefault();
    });
  }

  // A link to a field leads into it, also where it is folded away.
  function goTo(hash) {
    const field = hash.length > 1 && document.getElementById(hash.slice(1));
    if (!field) return false;
    for (let one = field.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
    (field.closest(".field-line, .form-row, fieldset > div") || field).scrollIntoView({ block: "center" });
    field.focus();
    field.classList.add("ucs-pointed-at");
    setTimeout(() => field.classList.remove("ucs-pointed-at"), 4000);
    return true;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#id_"], a[href="#key"]');
    if (link && goTo(link.getAttribute("href"))) event.preventDefault();
  });

  // What a test found, down to the button that mends it, comes into sight; its style keeps it above the bar.
  document.addEventListener("htmx:afterSettle", (event) => {
    const found = event.detail.target;
    if (found?.id === "connection-steps") (found.querySelector(".ucs-next") || found).scrollIntoView({ block: "nearest" });
  });

  // Select2 names its boxes by what is chosen in them only; the label of the field belongs to it.
  function nameBoxes() {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const box = select.nextElementSibling?.querySelector("[role=combobox]"), label = select.labels[0];
      if (!box || !label || box.dataset.named) continue;
      label.id ||= `${select.id}_label`;
      box.dataset.named = "yes";
      const chosen = box.querySelector("[id]")?.id ?? "";
      box.setAttribute("aria-labelledby", `${label.id} ${chosen}`.trim());
      box.querySelectorAll("[role=textbox], [role=searchbox]").forEach((each) => each.setAttribute("aria-label", label.textContent.trim()));
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (window.htmx) htmx.config.defaultSettleDelay = 0; // what looks again by itself would be deaf for so long each time
    document.getElementById("main")?.setAttribute("role", "main"); // where readers of screens jump to
    nameBoxes();
    // Cells on a phone: names of fields begin with a small letter, and a dash says nothing.
    for (const cell of document.querySelectorAll("#result_list [data-label]")) {
      cell.dataset.label = cell.dataset.label.replace(/^./, (first) => first.toUpperCase());
      cell.classList.toggle("ucs-nothing", /^[–-]$/.test(cell.textContent.trim()));
    }
    const isBox = (node) => node.classList?.contains("select2-container");
    new MutationObserver((changes) => {
      if (changes.some((each) => [...each.addedNodes].some(isBox))) nameBoxes();
    }).observe(document.body, { childList: true, subtree: true });
    goTo(location.hash);
    const type = document.getElementById("id_type");
    if (type && document.querySelector("[data-kind]")) follow(type);
    document.querySelectorAll("[data-describes]").forEach(watch);
    document.querySelectorAll("#token-form, #key-form, #paste-form").forEach(keepTyped);
  });
})();
