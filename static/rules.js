// Mail rules: rows added and taken away with only the fields that fit; the progress of a trial in the lab.
(function () {
  const PAUSE = 1000;

  function fit(row) {
    const what = row.querySelector("[data-what], [data-do]"), chosen = what.selectedOptions[0];
    const key = row.querySelector("[data-key]"), how = row.querySelector("[data-how]"), value = row.querySelector("[data-value]");
    if (key) key.hidden = !("keyed" in chosen.dataset);
    if (how) {
      const known = (chosen.dataset.hows ?? "").split(" ");
      for (const option of how.options) option.hidden = option.disabled = option.value !== "" && what.value !== "" && !known.includes(option.value);
      if (how.selectedOptions[0]?.disabled) how.value = known[0];
      if (what.value && !how.value) how.value = known.includes("contains") ? "contains" : known[0];
    }
    value.hidden = "bare" in chosen.dataset || how?.value === "exists";
    const list = chosen.dataset.list ? `rule-list-${chosen.dataset.list}` : "";
    if (list && document.getElementById(list)) value.setAttribute("list", list); else value.removeAttribute("list");
  }

  function start(root) {
    const rows = root.querySelector("ol"), add = root.querySelector("[data-add]");
    let count = rows.children.length;

    function addRow() {
      rows.insertAdjacentHTML("beforeend", root.querySelector("template").innerHTML.replaceAll("-__-", `-${count}-`));
      count += 1;
      const row = rows.lastElementChild;
      row.querySelector("[data-remove]").hidden = false;
      fit(row);
      return row;
    }

    rows.querySelectorAll("[data-spare]").forEach((row) => row.remove());
    rows.querySelectorAll(".rule-row").forEach(fit);
    root.querySelectorAll("[data-remove], [data-add]").forEach((button) => { button.hidden = false; });
    add.addEventListener("click", () => addRow().querySelector("select").focus());
    rows.addEventListener("change", (event) => fit(event.target.closest(".rule-row")));
    rows.addEventListener("click", (event) => {
      const button = event.target.closest("[data-remove]");
      if (!button) return;
      const row = button.closest(".rule-row"), near = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (near?.querySelector("select") ?? add).focus();
    });
  }

  async function follow(place) {
    while (place.querySelector("[data-running]")) {
      await new Promise((done) => { setTimeout(done, PAUSE); });
      const answer = await fetch(place.dataset.trial).catch(() => null); // the server may start anew meanwhile
      if (!answer) continue;
      if (!answer.ok) return;
      place.innerHTML = await answer.text();
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-rule-rows]").forEach(start);
    document.querySelectorAll("[data-trial]").forEach((place) => { follow(place).catch(() => {}); });
  });
})();
