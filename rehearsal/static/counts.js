// Keeps the numbers of a page fresh; reloads the page when one marked data-reload has changed.
const source = document.currentScript.dataset.counts;

async function refresh() {
  if (document.hidden) return;
  const counts = await (await fetch(source)).json();
  for (const place of document.querySelectorAll("[data-count]")) {
    const now = String(counts[place.dataset.count] ?? "");
    if (place.textContent === now) continue;
    if ("reload" in place.dataset) { location.reload(); return; }
    place.textContent = now;
  }
}

setInterval(() => refresh().catch(() => {}), 3000);
