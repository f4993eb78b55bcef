// Files for an answer: picked, dropped or pasted, each with its progress.
import { csrf, signedOut } from "./session.js";

/** Let files be attached to `form`; `before` is called first, so that there is a draft to put them to. */
export function attach(form, before) {
  const list = form.querySelector("[data-list]");
  const take = async (files) => {
    if (!files.length) return;
    await before();
    for (const file of files) upload(form.dataset.files, form.elements.token.value, file, list);
  };
  const pick = form.querySelector("[data-pick]");
  pick.addEventListener("change", () => {
    take([...pick.files]);
    pick.value = "";
  });
  form.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
  form.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("drag");
  });
  form.addEventListener("dragleave", () => form.classList.remove("drag"));
  form.addEventListener("drop", (event) => {
    form.classList.remove("drag");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

function upload(url, token, file, list) {
  const line = waiting(file.name);
  list.append(line);
  const body = new FormData();
  body.append("token", token);
  body.append("file", file, file.name);
  const request = new XMLHttpRequest();
  request.open("POST", url);
  request.setRequestHeader("X-CSRFToken", csrf());
  request.setRequestHeader("X-Requested-With", "desk");
  request.upload.addEventListener("progress", (event) => {
    line.querySelector("progress").value = event.loaded / (event.total || 1);
  });
  request.addEventListener("load", () => {
    if (request.status === 401) signedOut();
    if (request.status === 200) line.outerHTML = request.responseText;
    else fail(line, request.status === 409 ? request.responseText : "could not be uploaded");
  });
  request.addEventListener("error", () => fail(line, "could not be uploaded"));
  line.querySelector("button").addEventListener("click", () => {
    request.abort();
    line.remove();
  });
  request.send(body);
}

function waiting(name) {
  const line = document.createElement("li");
  line.className = "file";
  line.dataset.loading = "";
  const words = document.createElement("span");
  words.className = "clip";
  words.textContent = name;
  const progress = document.createElement("progress");
  progress.value = 0;
  progress.setAttribute("aria-label", `Uploading ${name}`);
  const stop = document.createElement("button");
  stop.type = "button";
  stop.className = "button quiet square";
  stop.textContent = "×";
  stop.setAttribute("aria-label", `Remove ${name}`);
  line.append(words, progress, stop);
  return line;
}

function fail(line, reason) {
  delete line.dataset.loading;
  line.classList.add("failed");
  line.querySelector("progress").replaceWith(Object.assign(document.createElement("small"), { textContent: reason }));
}
