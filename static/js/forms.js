/* One press is one act, and shows that something is at work. Everything works without this file. */
"use strict";

(() => {
  // Busy: the pressed button turns, and the form takes no second press.
  const busy = (form, is) => {
    for (const button of form.querySelectorAll("button[type=submit]")) {
      if (is) button.setAttribute("aria-busy", "true");
      else button.removeAttribute("aria-busy");
      button.disabled = is;
    }
  };
  document.addEventListener("htmx:beforeSend", (event) => {
    if (event.detail.elt.matches("form")) busy(event.detail.elt, true);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.matches("form")) busy(event.detail.elt, false);
  });

  // What was pressed is gone with the answer, or could not hold the focus while it was busy. The focus
  // goes on at what came, unless it was taken elsewhere meanwhile; after a refusal it is back. In a
  // [data-place] the page shows the beginning of what came. What asks again by itself stands there for
  // a second only: then the place has the focus, and no answer is read out that says little new.
  const holders = new WeakMap(); // request -> what had the focus
  const isNowhere = () => document.activeElement === document.body;
  document.addEventListener("htmx:beforeRequest", (event) => {
    const at = document.activeElement;
    if (event.target.contains(at) || at.form === event.target) holders.set(event.detail.xhr, at);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const at = holders.get(event.detail.xhr);
    if (at?.isConnected && isNowhere() && !event.detail.successful) at.focus({ preventScroll: true });
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const { target: came, detail: { xhr, requestConfig: { elt: asked, triggeringEvent: isPress } } } = event;
    const at = holders.get(xhr);
    const isStill = at === document.activeElement && at.type === "submit" && asked.matches("form"); // answered at once
    if (!at || came.closest("#toast") || !(isNowhere() || isStill)) return;
    const place = came.closest("[data-place]");
    const next = (came.hasAttribute("hx-trigger") && place) || came;
    next.tabIndex = -1;
    next.addEventListener("blur", () => next.removeAttribute("tabindex"), { once: true });
    next.focus({ preventScroll: true });
    const edge = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop);
    if (place && isPress && came.getBoundingClientRect().top < edge) came.scrollIntoView();
  });

  // Forms that htmx does not send: a double click is one press. The answer to the first may hold a
  // new cookie, and the browser would not read it.
  const pressed = new WeakMap();
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[hx-get], [hx-post]")) return;
    if (event.timeStamp - (pressed.get(event.target) ?? -Infinity) < 1000) event.preventDefault();
    else pressed.set(event.target, event.timeStamp);
  });

  // Upload progress: form[data-upload-progress] holds a <progress hidden>.
  document.addEventListener("htmx:xhr:progress", (event) => {
    const form = event.target.closest("form[data-upload-progress]");
    const bar = form && form.querySelector("progress");
    if (!bar || !event.detail.lengthComputable) return;
    bar.hidden = false;
    bar.max = event.detail.total;
    // All sent is not all done: without a value the bar shows that the server is at work.
    if (event.detail.loaded < event.detail.total) bar.value = event.detail.loaded;
    else bar.removeAttribute("value");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const bar = event.target.closest("form[data-upload-progress]")?.querySelector("progress");
    if (bar) bar.hidden = true;
  });
})();
