// The frames in which HTML mails are shown: as high as the mail, so that only the page scrolls.
import { within } from "./dom.js";

const LARGEST = 12_000;

/** Fit the frames below `root`; keys pressed inside of one go to `onKey`, and `onShown` gets each when it is there. */
export function fitFrames(root, onKey, onShown) {
  for (const frame of within(root, "iframe.frame:not([data-fitted])")) {
    frame.dataset.fitted = "";
    frame.addEventListener("load", () => watch(frame, onKey, onShown));
    if (isLoaded(frame)) watch(frame, onKey, onShown);
  }
}

function isLoaded(frame) {
  const page = frame.contentDocument;
  return page && page.readyState === "complete" && page.URL !== "about:blank";
}

function watch(frame, onKey, onShown) {
  const page = frame.contentDocument;
  if (!page?.body) return;
  const fit = () => {
    const height = Math.min(page.documentElement.offsetHeight, LARGEST);
    if (Math.abs(frame.offsetHeight - height) > 1) frame.style.height = `${height}px`;
  };
  fit();
  new ResizeObserver(fit).observe(page.documentElement);
  page.addEventListener("keydown", onKey);
  onShown(frame);
}

/** Load the frames again of mails whose pictures have come meanwhile; `root` holds what tells of them. */
export function showPictures(root) {
  for (const line of within(root, "[data-frame]")) {
    const frame = document.getElementById(line.dataset.frame), shown = line.dataset.shown;
    if (!frame || frame.dataset.pictures === shown) continue;
    if (frame.dataset.pictures !== undefined) frame.src = `${frame.src.split("?")[0]}?pictures=${shown}`;
    frame.dataset.pictures = shown;
  }
}
