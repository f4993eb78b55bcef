// Whether keys without Ctrl are commands in this browser: to a computer that is spoken to, words are such keys.
const NAME = "ucs:keys";
const box = document.querySelector("[data-keys-alone]");
const show = () => {
  document.documentElement.toggleAttribute("data-keys-off", !areKeysOn());
  if (box) box.checked = areKeysOn();
};

/** Whether they are; people switch it in the list of keys. */
export const areKeysOn = () => localStorage.getItem(NAME) !== "off";

box?.addEventListener("change", () => {
  localStorage.setItem(NAME, box.checked ? "on" : "off");
  show();
});
addEventListener("storage", show); // it was switched in another tab
show();
