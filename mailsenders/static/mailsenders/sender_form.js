// The form of an email sender: the port follows the server type, a click takes over a mailbox that is signed in.
(function () {
  const PORTS = { STARTTLS: "587", SSL: "465", NONE: "25" };

  function followType(type, port) {
    type.addEventListener("change", () => {
      const usual = Object.values(PORTS).includes(port.value);
      if (!port.value || usual) port.value = PORTS[type.value];
    });
  }

  // The tick that clear text is meant belongs to the one type that encrypts nothing.
  function askForClearText(type, tick) {
    if (!tick) return;
    const row = tick.closest(".field-row") || tick.closest("[class*='field-']") || tick.parentElement;
    const follow = () => { row.hidden = type.value !== "NONE"; };
    type.addEventListener("change", follow);
    follow();
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
        fill(password, url);
        fill(form.username, account);
        const isOther = before && before.toLowerCase() !== account.toLowerCase();
        told.textContent = isOther ? `The username was changed too, from ${before} to ${account}: that is another mailbox.` : "";
        if (!form.email_address.value) fill(form.email_address, account);
      });
      place.append(button, " ");
    });
    place.append(told);
    password.parentElement.append(place);
    followAddress(form.email_address, accounts, place.querySelectorAll("button"));
  }

  // Once the address is known, the mailboxes of that address alone are offered, if one of them is signed in.
  function followAddress(address, accounts, buttons) {
    const follow = () => {
      const wanted = address.value.trim().toLowerCase();
      const isThere = accounts.some((account) => account.toLowerCase() === wanted);
      buttons.forEach((button, at) => {
        button.style.display = isThere && accounts[at].toLowerCase() !== wanted ? "none" : "";
      });
    };
    address.addEventListener("input", follow);
    follow();
  }

  function budgetOf(host, budgets) {
    const name = host.trim().toLowerCase().replace(/\.$/, "");
    const fits = (ending) => (ending.startsWith(".") ? name.endsWith(ending) : name === ending);
    return budgets.find((budget) => budget.endings.some(fits));
  }

  // The figures of the provider: a button, and by themselves for a new sender whose limits nobody has touched.
  function offerBudget(form, address) {
    const names = ["limit_per_minute", "limit_per_hour", "limit_per_day", "recipients_per_day",
      "internal_per_day", "external_per_day", "recipients_per_message"];
    const budgets = JSON.parse(address.dataset.budgets || "[]");
    const limits = names.map((name) => form[name]).filter(Boolean);
    if (!limits.length) return;
    let touched = !/\/add\/$/.test(location.pathname) || limits.some((field) => field.value);
    let shown = null;
    limits.forEach((field) => field.addEventListener("change", () => { touched = true; }));
    const place = document.createElement("div");
    place.className = "ucs-offers ucs-budget-offer";
    place.setAttribute("aria-live", "polite");
    (limits[0].closest("fieldset") || limits[0].parentElement).append(place);

    function use(budget) {
      limits.forEach((field) => { field.value = budget.figures[field.name] ?? ""; });
      if (budget.figures.connections) form.connections.value = budget.figures.connections;
    }

    function show() {
      const budget = budgetOf(address.value, budgets);
      if (budget === shown) return;
      shown = budget;
      place.replaceChildren();
      if (!budget) return;
      if (!touched) use(budget);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "ucs-button ucs-copy-button";
      button.textContent = `Use the figures of ${budget.name}`;
      button.addEventListener("click", () => use(budget));
      place.append(touched ? "" : `Filled in: the figures of ${budget.name}. `, button, ` ${budget.note}`);
    }

    address.addEventListener("change", show);
    show();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("emailsender_form");
    if (!form || !form.server_type) return;
    followType(form.server_type, form.service_port);
    askForClearText(form.server_type, form.clear_text_confirmed);
    offerMailboxes(form, form.password);
    offerBudget(form, form.server_address);
  });
})();
