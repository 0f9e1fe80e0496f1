/* Ticking keys: one tick for the whole page, and a button that says how many. Works without. */
"use strict";

(() => {
  const ticks = () => [...document.querySelectorAll('#keys input[name="key"]')];

  function tell() {
    const all = document.querySelector("#keys [data-tick-all]");
    const button = document.querySelector("#keys [data-ticked]");
    if (!all || !button) return;
    const boxes = ticks();
    const count = boxes.filter((box) => box.checked).length;
    all.hidden = false;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    button.disabled = count === 0;
    button.textContent = count ? `Delete ${count} ticked ${count === 1 ? "key" : "keys"}` : button.dataset.ticked;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("#keys [data-tick-all]")) {
      for (const box of ticks()) box.checked = event.target.checked;
    }
    if (event.target.closest("#keys")) tell();
  });
  document.addEventListener("htmx:afterSwap", tell); // another page of keys has come
  window.addEventListener("pageshow", tell); // back from a page: the browser ticks again
  tell();
})();
