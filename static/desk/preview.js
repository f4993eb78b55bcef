// Files of a mail looked at over the page: pictures as pictures, PDF and text in frames of their own.
const dialog = () => document.getElementById("preview");
let shown = [], at = 0, opener = null;

function element(link) {
  if (link.dataset.look === "picture") {
    const picture = new Image();
    picture.alt = link.dataset.name;
    picture.src = link.href;
    return picture;
  }
  const frame = document.createElement("iframe");
  frame.title = link.dataset.name;
  frame.referrerPolicy = "no-referrer";
  // Not every browser starts its PDF viewer in a sandbox; the answer's policy lets it load nothing.
  if (link.dataset.look === "text") frame.setAttribute("sandbox", "");
  frame.src = link.dataset.look === "pdf" ? `${link.href}#navpanes=0` : link.href; // the page, not a list of pages beside it
  return frame;
}

function show() {
  const link = shown[at], box = dialog();
  box.querySelector("#preview-name").textContent = link.dataset.name;
  box.querySelector("[data-place]").textContent = shown.length > 1 ? `${at + 1} / ${shown.length}` : "";
  box.querySelector("[data-save]").href = link.dataset.save;
  box.querySelector("[data-stage]").replaceChildren(element(link));
  for (const name of ["previous", "following"]) box.querySelector(`[data-act=${name}]`).hidden = shown.length < 2;
}

/** Go to the file before or behind, around the end. */
export function step(by) {
  at = (at + by + shown.length) % shown.length;
  show();
}

/** Look at the file of a link; those of the same mail are beside it. */
export function preview(link, event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  shown = [...link.closest("[data-previews]").querySelectorAll("[data-look]")];
  at = shown.indexOf(link);
  opener = link;
  const box = dialog();
  if (!box.dataset.ready) {
    box.dataset.ready = "";
    box.addEventListener("keydown", ({ key }) => {
      if (shown.length > 1 && (key === "ArrowLeft" || key === "ArrowRight")) step(key === "ArrowLeft" ? -1 : 1);
    });
    box.addEventListener("click", (click) => click.target === box && box.close());
    box.addEventListener("close", () => {
      box.querySelector("[data-stage]").replaceChildren();
      (opener?.isConnected ? opener : document.getElementById("timeline"))?.focus();
    });
  }
  show();
  box.showModal();
}
