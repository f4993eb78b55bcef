// In which language is written: told by the server when it isn't the customer's, and to the browser, which checks the
// spelling, by the queue of a first mail.

/** Say below the text that it is in another language than the customer writes; "" when it is not. */
export function tellLanguage(form, words = "") {
  const line = form.querySelector("[data-otherwise]");
  if (!line || line.textContent === words) return;
  line.textContent = words;
  line.hidden = !words;
}

document.addEventListener("change", ({ target }) => {
  const lang = target.matches?.("#compose-form [name=queue]") && target.selectedOptions[0]?.dataset.lang;
  if (lang) for (const field of target.form.querySelectorAll("[name=text], [name=subject], [data-writing]")) field.lang = lang;
});
