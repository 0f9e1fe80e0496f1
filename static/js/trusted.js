/* Which strings may become HTML where the browser asks (Trusted Types): answers of this server, and
   those only in the place where htmx reads them. Loaded before htmx; scripts from strings: never. */
"use strict";

(() => {
  if (!window.trustedTypes) return;
  const PARSERS = ["Document parseHTMLUnsafe", "DOMParser parseFromString"];
  let answer = null; // what htmx is about to show

  // The spellings in which htmx 2 hands an answer to the parser: whole, and without its head.
  function spellings(text) {
    const body = text.replace(/<head(\s[^>]*)?>[\s\S]*?<\/head>/i, "");
    return [text, body, `<body><template class="internal-htmx-wrapper">${body}</template></body>`];
  }

  addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, serverResponse } = event.detail;
    const isOurs = new URL(xhr.responseURL).origin === location.origin;
    answer = isOurs ? serverResponse : null;
  }, true);

  window.trustedTypes.createPolicy("default", {
    createHTML(text, _type, sink) {
      const isIt = answer !== null && PARSERS.includes(sink) && spellings(answer).includes(text);
      if (!isIt) return null; // the browser refuses it and says so
      answer = null;
      return text;
    },
  });
})();
