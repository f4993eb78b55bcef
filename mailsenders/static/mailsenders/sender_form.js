// The form of an email sender: the port follows the server type, a click takes over a mailbox that is signed in.
(function () {
  const PORTS = { STARTTLS: "587", SSL: "465", NONE: "25" };

  function followType(type, port) {
    type.addEventListener("change", () => {
      const usual = Object.values(PORTS).includes(port.value);
      if (!port.value || usual) port.value = PORTS[type.value];
    });
  }

  function fill(field, value) {
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function offerMailboxes(form, password) {
    const mailboxes = (password.dataset.signedIn || "").split(";").filter(Boolean);
    if (!mailboxes.length) return;
    const place = document.createElement("div");
    place.className = "ucs-offers";
    place.append("Signed in already: ");
    mailboxes.forEach((entry) => {
      const [account, url] = entry.split(" ");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "ucs-button ucs-copy-button";
      button.textContent = account;
      button.title = "Fill in this mailbox and its token";
      button.addEventListener("click", () => {
        fill(password, url);
        fill(form.username, account);
        if (!form.email_address.value) fill(form.email_address, account);
      });
      place.append(button, " ");
    });
    password.parentElement.append(place);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("emailsender_form");
    if (!form || !form.server_type) return;
    followType(form.server_type, form.service_port);
    offerMailboxes(form, form.password);
  });
})();
