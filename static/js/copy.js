/* A button that copies a field. Without this file the field is selected and copied by hand. */
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const said = document.getElementById(`${button.dataset.copy}-copied`);
  field.addEventListener("focus", () => field.select());
  if (!navigator.clipboard) continue; // only over https and on this machine
  button.hidden = false;
  button.addEventListener("click", () => {
    navigator.clipboard.writeText(field.value).then(
      () => { said.textContent = "Copied."; },
      () => { field.focus(); said.textContent = "Copy what is marked."; },
    );
  });
}
