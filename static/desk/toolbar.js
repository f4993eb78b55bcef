// The buttons around a text that is being written.
import { bring } from "./dom.js";
import { editorOf } from "./editor.js";
import { setMacro } from "./picker.js";
import { setPeople } from "./recipients.js";
import { saveSnippet } from "./saving.js";
import { removeFile } from "./uploads.js";

/** Put other people into To and Cc, as the button says. */
export function choosePeople(button) {
  const form = button.closest("form[data-editor]");
  setPeople(form.querySelector("[name=to]"), button.dataset.to);
  setPeople(form.querySelector("[name=cc]"), button.dataset.copies);
  form.querySelector("[data-cc]").hidden = !button.dataset.copies;
  for (const each of form.querySelectorAll("[data-act=people]")) each.setAttribute("aria-pressed", String(each === button));
}

/** Take a file out of the draft. */
export async function dropFile(button) {
  const editor = editorOf(button);
  if (await removeFile(editor.form, editor.writing, button.closest("li"))) editor.changed();
}

/** With formatting, or without. */
export const changeFormat = (button) => editorOf(button).writing.toggle();

/** Send the answer without what the macro does. */
export function dropMacro(button) {
  setMacro(button.closest("form[data-editor]"), null);
  editorOf(button).writing.element.focus({ preventScroll: true }); // its line is hidden now
}

/** Keep what is marked as a snippet. */
export const keepSnippet = (button) => saveSnippet(editorOf(button).writing);

/** Close the editor; what stands in it is kept as a draft. */
export async function shut(button) {
  const form = button.closest("form[data-editor]");
  const editor = editorOf(form);
  if (editor.dirtySince) await editor.settle();
  if (["note", "whisper"].includes(editor.kind) && !editor.text.value.trim()) editor.forget();
  clearTimeout(editor.timer);
  if (form.dataset.bar) bring(form.dataset.bar, "#composer");
}
