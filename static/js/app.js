/* What plain pages and htmx do not do by themselves. Everything works without this file. */
"use strict";

(() => {
  const toast = () => document.getElementById("toast");
  const NO_ANSWER = "The server did not answer. Check the connection and try again.";
  const REFUSED = "This did not work. Reload the page and try again.";
  const TOAST_SECONDS = 12;
  let clearing;
  let told = false; // something stood there since the last request began; maybe it was clicked away

  function say(words) {
    const line = document.createElement("p");
    line.setAttribute("role", "alert");
    line.textContent = words;
    toast().replaceChildren(line);
  }

  // Every request of htmx proves that it comes from this page.
  document.addEventListener("htmx:configRequest", (event) => {
    const token = document.querySelector('meta[name="csrf-token"]');
    if (token) event.detail.headers["X-CSRFToken"] = token.content;
  });

  // Failures. Our own error pages put their sentence into #toast; a foreign one (a proxy) does not.
  // The question whether the unit is still what the page shows is nobody's: it is asked only where
  // somebody looks, and whatever goes wrong with it (a session that ended, a server that is down)
  // is no reason to touch a page on which somebody may be typing.
  const isNews = (event) => event.target.id === "news";
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isNews(event)) {
      toast().replaceChildren();
      told = false;
    } else if (document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (isNews(event) && event.detail.xhr.status !== 200) event.preventDefault();
  });
  const unanswered = (event) => isNews(event) || say(NO_ANSWER);
  document.addEventListener("htmx:sendError", unanswered);
  document.addEventListener("htmx:timeout", unanswered);
  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    if (["HX-Redirect", "HX-Refresh", "HX-Retarget"].some((name) => xhr.getResponseHeader(name))) return;
    setTimeout(() => told || say(REFUSED), 100);
  });
  new MutationObserver(() => {
    clearTimeout(clearing);
    if (toast().childElementCount) {
      told = true;
      clearing = setTimeout(() => toast().replaceChildren(), TOAST_SECONDS * 1000);
    }
  }).observe(toast(), { childList: true });
  toast().addEventListener("click", (event) => {
    if (!event.target.closest("a")) toast().replaceChildren();
  });

  // A link that arrives with data-autoclick is a download that starts by itself, once.
  function autoclick(root) {
    const links = root.matches?.("[data-autoclick]") ? [root] : root.querySelectorAll("[data-autoclick]");
    for (const link of links) {
      link.removeAttribute("data-autoclick");
      link.click();
    }
  }
  document.addEventListener("htmx:load", (event) => autoclick(event.detail.elt));

  // Where a strip scrolls sideways, show the current entry of it.
  for (const current of document.querySelectorAll(".bar [aria-current], .settings__list [aria-current]")) {
    current.scrollIntoView({ block: "nearest", inline: "center" });
  }

  // An import ends with a reload, and the browser would come back to where its button was. Tab goes on
  // from what came of it.
  const result = document.getElementById("backup-result");
  if (result && performance.getEntriesByType("navigation")[0]?.type === "reload") {
    history.scrollRestoration = "manual";
    addEventListener("load", () => {
      result.tabIndex = -1;
      result.focus({ preventScroll: true });
      result.scrollIntoView({ block: "center" });
    });
  }

  // Set-up: the short name follows the unit's name until somebody types another.
  for (const slug of document.querySelectorAll("[data-slug-of]")) {
    const source = document.getElementById(slug.dataset.slugOf);
    let own = slug.value !== "";
    slug.addEventListener("input", () => { own = slug.value !== ""; });
    source.addEventListener("input", () => {
      if (own) return;
      slug.value = source.value.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase()
        .replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40).replace(/-+$/, "");
    });
  }
})();
