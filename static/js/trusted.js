/* Which strings may become HTML where the browser asks (Trusted Types): answers of this server, and
   those only in the place where htmx reads them. Loaded before htmx; scripts from strings: never. */
"use strict";

(() => {
  if (!window.trustedTypes) return;
  const PARSERS = ["Document parseHTMLUnsafe", "DOMParser parseFromString"];
  let answer = null; // what came last, and htmx is about to show

  // The spellings in which htmx 2 hands an answer to the parser: whole, and without its head.
  function spellings(text) {
    const body = text.replace(/<head(\s[^>]*)?>[\s\S]*?<\/head>/i, "");
    return [text, body, `<body><template class="internal-htmx-wrapper">${body}</template></body>`];
  }

  // Noted at the request itself: what htmx announces at an element that is gone meanwhile reaches
  // nobody, and the answer would be refused loudly. `load`, in which htmx swaps, comes right after.
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (...body) {
    this.addEventListener("readystatechange", () => {
      if (this.readyState !== XMLHttpRequest.DONE) return;
      const isOurs = this.responseURL && new URL(this.responseURL).origin === location.origin;
      answer = isOurs ? this.response : null;
    });
    return send.apply(this, body);
  };

  window.trustedTypes.createPolicy("default", {
    createHTML(text, _type, sink) {
      const isIt = answer !== null && PARSERS.includes(sink) && spellings(answer).includes(text);
      if (!isIt) return null; // the browser refuses it and says so
      answer = null;
      return text;
    },
  });
})();
