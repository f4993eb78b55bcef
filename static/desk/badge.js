// How many are mine, on the icon of the tab.
const SIZE = 64;
const link = document.querySelector("link[rel=icon]");
const plain = link?.href;
const mine = () => Number.parseInt(document.querySelector("#view-mine .num")?.textContent ?? "0", 10) || 0;
let shown = 0;

function drawn(image, count) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0, SIZE, SIZE);
  pen.fillStyle = "#d92d20";
  pen.beginPath();
  pen.arc(44, 20, 20, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = "700 28px sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(count > 9 ? "9+" : String(count), 44, 21);
  return canvas.toDataURL("image/png");
}

function show() {
  const count = mine();
  if (!link || count === shown) return;
  shown = count;
  link.dataset.count = String(count);
  if (!count) return void (link.href = plain);
  const image = new Image(SIZE, SIZE);
  image.addEventListener("load", () => {
    if (shown === count) link.href = drawn(image, count);
  });
  image.src = plain;
}

document.body.addEventListener("htmx:afterSwap", () => setTimeout(show));
show();
