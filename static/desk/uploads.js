// Files for a mail: picked, dropped or pasted, each with its progress. A picture that is pasted while writing
// stands in the text, where its name in brackets is. How much fits, the sender's server has said.
import { takeAway } from "./dom.js";
import { ask, asking, csrf } from "./session.js";
import { toast } from "./toasts.js";
import { fill, gettext, locale } from "../words.js";

const MEGA = 1_000_000;
const size = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const megas = (octets) => size.format(octets / MEGA);
const leaving = new WeakMap(); // what is being taken out of a form
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** What is wrong with the size of all files together, "" when nothing is; the form says it too. */
export function weigh(form, more = 0) {
  const room = Number(form.dataset.room);
  if (!room) return "";
  const boxes = [...form.querySelectorAll("[data-octets]")].filter((each) => each.type !== "checkbox" || each.checked);
  const octets = more + boxes.reduce((sum, each) => sum + Number(each.dataset.octets), 0);
  const words = octets > room ? fill(gettext("The files have %(size)s MB together, and %(room)s MB fit into a mail: take one out."), { size: megas(octets), room: megas(room) }) : "";
  const line = form.querySelector("[data-full]");
  if (line && !more) {
    line.textContent = words;
    line.hidden = !words;
  }
  return words;
}

/** Let files be attached to `form`; `before` is called first, so that there is a draft to put them to.
 *  `writing` is the field that pictures can stand in. */
export function attach(form, writing, before) {
  const list = form.querySelector("[data-list]");
  const take = async (files, isPasted = false) => {
    if (!files.length) return;
    const lines = files.map((file) => announce(form, list, file, writing)); // at once: an answer waits for what is in the list
    await before();
    for (const [at, line] of lines.entries()) {
      const isWanted = line.parentNode && "loading" in line.dataset;
      if (isWanted) upload(form, writing, files[at], line, isPasted && PICTURES.includes(files[at].type));
    }
  };
  const pick = form.querySelector("[data-pick]");
  pick.addEventListener("change", () => {
    take([...pick.files]);
    pick.value = "";
  });
  receive(form, writing, take);
}

function announce(form, list, file, writing) {
  const line = waiting(file.name, writing);
  list.append(line);
  const words = weigh(form, file.size);
  if (words) fail(line, `${fill(gettext("“%(name)s” doesn't fit."), { name: file.name })} ${words}`);
  return line;
}

/** What is pasted or dropped; `take` is told whether a pasted picture may stand in the text. */
function receive(form, writing, take) {
  form.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    const { isHere, isFiles } = writing.takes(event);
    if (!files.length || !isFiles) return;
    event.preventDefault();
    take(files, isHere);
  });
  form.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("drag");
  });
  form.addEventListener("dragleave", ({ relatedTarget }) => form.contains(relatedTarget) || form.classList.remove("drag"));
  form.addEventListener("drop", (event) => {
    form.classList.remove("drag");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

function upload(form, writing, file, line, isPicture) {
  const body = new FormData();
  body.append("token", form.elements.token.value);
  body.append("file", file, file.name);
  if (isPicture) body.append("picture", "1");
  const request = new XMLHttpRequest(), refused = asking();
  let left = file.size; // octets that are not on the way yet
  request.open("POST", form.dataset.files);
  request.setRequestHeader("X-CSRFToken", csrf());
  request.setRequestHeader("X-Requested-With", "desk");
  request.upload.addEventListener("progress", (event) => {
    line.querySelector("progress").value = event.loaded / (event.total || 1);
    left = event.total - event.loaded;
  });
  request.addEventListener("load", () => {
    if (request.status === 401) refused();
    if (!line.parentNode) return; // removed meanwhile
    if (request.status === 200) attached(form, writing, line, request.responseText);
    else fail(line, request.status === 409 ? request.responseText : gettext("could not be uploaded"));
  });
  request.addEventListener("error", () => fail(line, gettext("could not be uploaded")));
  line.querySelector("button").addEventListener("click", () => {
    if (left > MEGA) request.abort();
    else if (request.readyState !== XMLHttpRequest.DONE) takeOutAgain(form, writing, request);
  });
  request.send(body);
}

/** The server may have the whole file by now, and be about to say under which number. */
function takeOutAgain(form, writing, request) {
  const answered = new Promise((resolve) => request.addEventListener("loadend", resolve));
  whileLeaving(form, answered.then(async () => {
    if (request.status !== 200) return true;
    const list = form.querySelector("[data-list]");
    list.insertAdjacentHTML("beforeend", request.responseText); // it is in the draft until it is out
    return removeFile(form, writing, list.lastElementChild);
  }));
}

/** Take a file out of the draft, and out of the text if it is a picture there; false if that can't be done now. */
export function removeFile(form, writing, line) {
  const asked = ask(line.querySelector("[data-url]").dataset.url, { method: "DELETE" });
  const taken = asked.then((answer) => answer.ok, () => false).then((isOut) => {
    if (isOut) {
      writing.removePicture(line);
      takeAway(line, writing.element);
      weigh(form);
    } else toast(gettext("The file could not be removed: try again."), { error: true });
    return isOut;
  });
  whileLeaving(form, taken);
  return taken;
}

async function whileLeaving(form, act) {
  const acts = leaving.get(form) ?? new Set();
  leaving.set(form, acts.add(act));
  await act;
  acts.delete(act);
}

/** Wait until no file is being taken out of `form`; false if one that was could not be. */
export async function areOut(form) {
  const outcomes = await Promise.all(leaving.get(form) ?? []);
  return outcomes.every(Boolean);
}

function attached(form, writing, line, html) {
  line.insertAdjacentHTML("afterend", html);
  const kept = line.nextElementSibling;
  takeAway(line, kept.querySelector("button"));
  weigh(form);
  if (kept.dataset.mark) writing.insertPicture(kept);
}

function waiting(name, writing) {
  const line = document.createElement("li");
  line.className = "file";
  line.dataset.loading = "";
  const words = document.createElement("span");
  words.className = "clip";
  words.textContent = name;
  const progress = document.createElement("progress");
  progress.value = 0;
  progress.setAttribute("aria-label", fill(gettext("Uploading %(name)s"), { name }));
  line.append(words, progress, remover(name, () => takeAway(line, writing.element)));
  return line;
}

function remover(name, act) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button quiet square", textContent: "×" });
  button.setAttribute("aria-label", fill(gettext("Remove %(name)s"), { name }));
  button.addEventListener("click", act);
  return button;
}

function fail(line, reason) {
  delete line.dataset.loading;
  line.classList.add("failed");
  line.querySelector("progress").replaceWith(Object.assign(document.createElement("small"), { textContent: reason }));
}
