// The pages of contacts: keys, what time it is where they live, and the page after an import's last line.
import { isDone } from "../desk/dom.js";
import { onKey } from "../reports/main.js";
import "./unsaved.js";

/* Keys: links say their own with data-press, fields with data-focus. */
for (const key of "abcdefghlmnorstuvwxz") {
  onKey(key, () => {
    const link = document.querySelector(`[data-press="${key}"]`);
    if (link) return link.click();
    document.querySelector(`[data-focus="${key}"]`)?.focus();
  });
}
onKey("/", () => document.querySelector("[data-find]")?.focus());
onKey("j", () => move(1));
onKey("k", () => move(-1));

function move(step) {
  const lines = [...document.querySelectorAll("a[data-line]")];
  const at = lines.indexOf(document.activeElement);
  lines[at < 0 ? 0 : Math.min(Math.max(at + step, 0), lines.length - 1)]?.focus();
}

/* A form stays through every answer. After its own, what was sent goes from it; what was typed since stays. */
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.matches?.("#contact")) document.getElementById("address-refusal")?.replaceChildren();
});
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  const { elt, requestConfig: { parameters } } = detail;
  if (!elt.matches("#address-form, #domain-form, #note-form") || !isDone(detail)) return;
  const field = elt.querySelector("input:not([type=hidden]), textarea"), had = parameters[field.name];
  if (field.value === had) elt.reset();
  else if (field.matches("textarea") && field.value.startsWith(had)) field.value = field.value.slice(had.length).trimStart();
});
document.body.addEventListener("contact:noted", ({ detail: { token } }) => {
  document.getElementById("note-form").elements.token.value = token; // the same words may be meant once more
});
document.body.addEventListener("htmx:afterSwap", tellZones);

/* What time it is for them */
function tellZones() {
  for (const place of document.querySelectorAll("[data-zone]")) {
    const clock = { hour: "2-digit", minute: "2-digit", timeZone: place.dataset.zone };
    place.textContent = new Intl.DateTimeFormat(document.documentElement.lang || "en", clock).format(new Date());
  }
}
tellZones();
setInterval(tellZones, 30_000);

/* When the last line is dealt with, the page says what can be done next. */
let state = document.querySelector(".import-state")?.dataset.state;
document.body.addEventListener("htmx:afterSettle", () => {
  const now = document.querySelector(".import-state")?.dataset.state;
  if (state && now && now !== state) location.reload();
  state = now;
});
