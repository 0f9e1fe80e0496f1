"""Pages that show late what they were answered, as on a busy machine: `LATE=300 make test-browser`.

A test that acts on the page that was there before, or that takes the wait for an answer for the
wait for what it brings, passes as long as the browser is fast. This finds it.
"""

import os

from playwright.sync_api import Browser, BrowserContext

MILLISECONDS = int(os.environ.get("LATE", "0"))

# htmx shows an answer in `onload`. static/js/trusted.js takes note of it just before.
SCRIPT = """{
  const honest = Object.getOwnPropertyDescriptor(XMLHttpRequestEventTarget.prototype, "onload");
  Object.defineProperty(XMLHttpRequest.prototype, "onload", {
    get() { return honest.get.call(this); },
    set(show) {
      honest.set.call(this, show && ((...args) => setTimeout(() => {
        this.dispatchEvent(new Event("readystatechange"));
        show.apply(this, args);
      }, %d)));
    },
  });
}"""


def make_late(browser: Browser) -> None:
    """Make every context that *browser* opens from now on late by `LATE` milliseconds."""
    honest = browser.new_context

    def new_context(**wanted: object) -> BrowserContext:
        context = honest(**wanted)
        context.add_init_script(SCRIPT % MILLISECONDS)
        return context

    if MILLISECONDS:
        browser.new_context = new_context
