// Comfort only: every page works without it.
"use strict";
(() => {
  // What was just done is read aloud and can be undone at once.
  const said = document.querySelector(".said");
  if (said) said.focus();
  // A second press of a button must not send the form again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) event.preventDefault();
    else form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
  // A long table: find a row by typing.
  for (const box of document.querySelectorAll("[data-find]")) {
    box.closest("p").hidden = false;
    box.addEventListener("input", () => {
      const wanted = box.value.toLocaleLowerCase();
      for (const row of document.querySelectorAll(box.dataset.find))
        row.hidden = !row.textContent.toLocaleLowerCase().includes(wanted);
    });
  }
})();
