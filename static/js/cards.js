/* An application that does not answer says so in its own box, and is asked again from there. */
"use strict";

(() => {
  function tell(event) {
    const card = event.target.closest?.(".app-card[aria-busy]"); // one that was still to come
    if (!card) return;
    card.removeAttribute("aria-busy");
    const words = document.getElementById("card-unanswered").content.cloneNode(true);
    card.querySelector(".app-card__body").replaceChildren(words);
  }
  for (const name of ["sendError", "timeout", "responseError"]) document.addEventListener(`htmx:${name}`, tell);

  document.addEventListener("click", (event) => {
    const card = event.target.closest("[data-card-again]")?.closest(".app-card");
    if (!card) return;
    card.setAttribute("aria-busy", "true");
    htmx.ajax("GET", card.getAttribute("hx-get"), { source: card, target: card, swap: "outerHTML" }).catch(() => {});
  });
})();
