// The pages of contacts: keys, what time it is where they live, and the page after an import's last line.
import { onKey } from "../reports/main.js";

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

/* A part in which somebody types is not replaced: it is left for a moment, and found again. */
let typedIn = "";
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target.matches?.("#contact, #organisation")) return;
  const field = document.activeElement?.matches("input, textarea, select") ? document.activeElement : null;
  typedIn = field?.id ?? "";
  field?.blur(); // a button keeps the focus: patch.js hands it on
  document.getElementById("address-refusal")?.replaceChildren();
});
document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (typedIn && detail.target.matches("#contact, #organisation")) document.getElementById(typedIn)?.focus();
  typedIn = "";
  tellZones();
});

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
