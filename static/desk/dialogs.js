// The dialog for merging, splitting and moving: the server fills it, it opens when it is filled.
const dialog = document.getElementById("act");
const body = document.getElementById("act-body");

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target === body && !dialog.open) dialog.showModal();
});
document.body.addEventListener("desk:acted", () => dialog.close());
dialog.addEventListener("close", () => body.replaceChildren());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // beside it
});
dialog.addEventListener("change", () => dialog.querySelector("#act-refusal")?.replaceChildren());

// In the search field Enter and the arrow keys lead to what was found, so that nothing is done by accident.
dialog.addEventListener("keydown", (event) => {
  if (event.target.id !== "act-find" || !["Enter", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const choices = [...dialog.querySelectorAll(".choice:not([hidden]) input")];
  const choice = choices.find((each) => each.checked) ?? choices[0];
  if (!choice) return;
  choice.focus();
  if (!choice.checked) choice.click();
});
