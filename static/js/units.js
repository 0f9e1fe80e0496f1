/* The list of units: typing filters it, arrow keys walk through it, Enter opens. Without this file
   it is a list of links and a form that searches. */
"use strict";

(() => {
  const field = document.getElementById("unit-filter");
  const list = document.getElementById("unit-list");
  if (!field || !list) return;
  const none = document.getElementById("unit-none");
  const count = document.getElementById("unit-count");
  const items = [...list.children];
  const textOf = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));
  const shown = () => items.filter((item) => !item.hidden).map((item) => item.querySelector("a"));

  function filter() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of items) {
      item.hidden = !words.every((word) => textOf.get(item).includes(word));
    }
    const left = shown().length;
    none.hidden = left > 0;
    count.textContent = left === 1 ? "1 unit" : `${left} units`;
    list.classList.toggle("unit-cards--sought", words.length > 0); // Enter opens the first
  }

  field.addEventListener("input", filter);
  field.form.addEventListener("submit", (event) => {
    event.preventDefault(); // what was typed is filtered already
    shown()[0]?.click();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const links = shown();
    const at = links.indexOf(document.activeElement);
    if (at < 0 && document.activeElement !== field) return;
    if (event.key === "ArrowDown") (links[at + 1] ?? links.at(-1))?.focus();
    else if (event.key === "ArrowUp") (at > 0 ? links[at - 1] : field).focus();
    else if (event.key === "Home" && at >= 0) links[0].focus();
    else if (event.key === "End" && at >= 0) links.at(-1).focus();
    else if (event.key === "Escape" && field.value) {
      field.value = "";
      field.focus();
      filter();
    } else if (at >= 0 && event.key === "Backspace") field.focus();
    else if (at >= 0 && event.key.length === 1 && event.key !== " ") {
      field.focus(); // the letter itself goes into the field
      return;
    } else return;
    if (event.key !== "Backspace") event.preventDefault();
  });

  if (field.value) filter();
})();
