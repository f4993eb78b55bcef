// The form of an email source: the port follows type and SSL, what a type lacks is not offered,
// and a click takes over a mailbox that is signed in.
(function () {
  const PORTS = { IMAP: ["143", "993"], POP3: ["110", "995"] };

  function followPort(form) {
    const usual = Object.values(PORTS).flat();
    const follow = () => {
      const port = form.service_port;
      if (!PORTS[form.server_type.value]) return;
      if (!port.value || usual.includes(port.value)) {
        port.value = PORTS[form.server_type.value][form.use_ssl.checked ? 1 : 0];
      }
    };
    form.server_type.addEventListener("change", follow);
    form.use_ssl.addEventListener("change", follow);
  }

  function row(field) {
    return field.closest(".field-row") || field.closest("[class*='field-']") || field.parentElement;
  }

  function offerOnlyWhatWorks(form) {
    const choices = form.after_import;
    const follow = () => {
      const pop3 = form.server_type.value === "POP3";
      for (const option of choices.options) {
        option.disabled = pop3 && (option.value === "read" || option.value === "move");
      }
      if (choices.selectedOptions[0].disabled) choices.value = "leave";
      form.folder.disabled = pop3;
      row(form.move_to).hidden = choices.value !== "move";
      row(form.allow_clear_text).hidden = form.use_ssl.checked;
    };
    form.server_type.addEventListener("change", follow);
    form.use_ssl.addEventListener("change", follow);
    choices.addEventListener("change", follow);
    follow();
  }

  const OF_MAILBOXES = [
    "server_address", "service_port", "use_ssl", "username", "password", "folder", "after_import",
    "import_since", "poll_interval", "mailbox", "aliases",
  ];

  const OF_FORWARDING = ["collected_by"];

  // A forwarding source has no mailbox to look into: only the address that forwards to it.
  function showOnlyItsFields(form) {
    const follow = () => {
      const forwarding = form.server_type.value === "FORWARDING";
      for (const name of OF_FORWARDING) row(form[name]).hidden = !forwarding;
      for (const name of OF_MAILBOXES) {
        if (form[name]) row(form[name]).hidden = forwarding;
      }
      row(form.move_to).hidden = forwarding || form.after_import.value !== "move";
      row(form.allow_clear_text).hidden = forwarding || form.use_ssl.checked;
      const special = form.mailbox.closest("fieldset");
      (special.closest("details") || special.closest(".module") || special).hidden = forwarding;
      for (const part of document.querySelectorAll(".ucs-test")) part.hidden = forwarding;
      for (const part of document.querySelectorAll(".ucs-card")) part.hidden = !forwarding;
    };
    for (const field of [form.server_type, form.after_import, form.use_ssl]) {
      field.addEventListener("change", follow);
    }
    follow();
  }

  function fill(field, value) {
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function offerMailboxes(form) {
    const mailboxes = (form.password.dataset.signedIn || "").split(";").filter(Boolean);
    if (!mailboxes.length) return;
    const place = document.createElement("div");
    place.className = "ucs-offers";
    place.append("Signed in already: ");
    const told = document.createElement("p");
    told.className = "ucs-secret-note";
    told.setAttribute("role", "status");
    const accounts = mailboxes.map((entry) => entry.split(" ")[0]);
    mailboxes.forEach((entry) => {
      const [account, url] = entry.split(" ");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "ucs-button ucs-copy-button";
      const isOnlyOne = accounts.indexOf(account) === accounts.lastIndexOf(account);
      button.textContent = isOnlyOne ? account : `${account}, provider ${url.split("/").pop()}`;
      button.title = "Fill in this mailbox and its token";
      button.addEventListener("click", () => {
        const before = form.username.value.trim();
        fill(form.password, url);
        fill(form.username, account);
        const isOther = before && before.toLowerCase() !== account.toLowerCase();
        told.textContent = isOther ? `The username was changed too, from ${before} to ${account}: that is another mailbox.` : "";
      });
      place.append(button, " ");
    });
    place.append(told);
    form.password.closest("div").append(place);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("emailsource_form");
    if (!form || !form.server_type) return;
    followPort(form);
    offerOnlyWhatWorks(form);
    showOnlyItsFields(form);
    offerMailboxes(form);
  });
})();
