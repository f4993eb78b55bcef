// The steps of a wait rule: rows added and taken away, and what they come to in words, as the server says it.
(function () {
  const PAUSE = 300;

  function start(root) {
    const rows = root.querySelector("ol"), add = root.querySelector("[data-add]"), course = root.querySelector(".steps-course");
    const form = root.closest("form");
    let count = rows.children.length, timer = 0, asked = 0;

    function addRow() {
      const html = root.querySelector("template").innerHTML.replaceAll("-__-", `-${count}-`);
      count += 1;
      rows.insertAdjacentHTML("beforeend", html);
      const row = rows.lastElementChild;
      row.querySelector("[data-remove]").hidden = false;
      return row;
    }

    function remove(row) {
      const near = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (near?.querySelector("input") ?? add).focus();
      tell();
    }

    async function ask() {
      const own = (asked += 1);
      const answer = await fetch(root.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.ok && own === asked) course.innerHTML = await answer.text();
    }
    function tell() {
      clearTimeout(timer);
      timer = setTimeout(() => ask().catch(() => course.replaceChildren()), PAUSE);
    }

    rows.querySelectorAll("[data-spare]").forEach((row) => row.remove());
    root.querySelectorAll("[data-remove], [data-add]").forEach((button) => { button.hidden = false; });
    add.addEventListener("click", () => addRow().querySelector("input").focus());
    rows.addEventListener("click", (event) => {
      const button = event.target.closest("[data-remove]");
      if (button) remove(button.closest("li"));
    });
    form.addEventListener("input", (event) => {
      if (event.target.closest("[data-steps]") || /language_level|skill_demands/.test(event.target.name ?? "")) tell();
    });
    const rule = form.elements.wait_rule;
    rule?.addEventListener("change", () => { if (rule.value === "steps" && !rows.children.length) addRow(); });
    if (rows.children.length) tell();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-steps]").forEach(start));
})();
