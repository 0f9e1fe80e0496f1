/* Moving things by hand: with the pointer, by touch, or with the keyboard from a handle.

   [data-sort] holds lists, [data-sort-list] (its value is read out), those hold items,
   [data-sort-item], and those a handle. An item with a form [data-sort-form] is sent with it as soon
   as it is dropped. Without such a form the fields [data-sort-number] follow the order, and the
   order follows them. Pages work without this file: they have buttons, and the numbers. */
"use strict";

(() => {
  const LIFT = [" ", "Enter"];
  let held = null; // { item, root, from: { list, at }, byPointer }
  let last = ""; // the handle of what was sent: the cursor goes back to it on the new page

  const words = document.createElement("p");
  words.className = "hide";
  words.setAttribute("role", "status");
  words.setAttribute("aria-live", "assertive");
  document.body.append(words);

  const listsOf = (root) => [...root.querySelectorAll("[data-sort-list]")];
  const itemsOf = (list) => [...list.querySelectorAll("[data-sort-item]")];
  const handleOf = (item) => item.querySelector("[data-sort-handle]");
  const listOf = (item) => item.closest("[data-sort-list]");
  const placeOf = (item) => ({ list: listOf(item), at: itemsOf(listOf(item)).indexOf(item) });
  const clamp = (number, most) => Math.min(Math.max(number, 0), most);

  function where(item) {
    const { list, at } = placeOf(item);
    return `${list.dataset.sortList}, place ${at + 1} of ${itemsOf(list).length}`;
  }
  const say = (text) => { words.textContent = text; };

  function put(item, list, at) {
    const others = itemsOf(list).filter((other) => other !== item);
    if (at < others.length) others[at].before(item);
    else if (others.length) others.at(-1).after(item);
    else list.append(item);
    handleOf(item).focus({ preventScroll: true }); // a moved element has lost it
    item.scrollIntoView({ block: "nearest" });
  }

  function lift(handle, byPointer) {
    const item = handle.closest("[data-sort-item]");
    const root = item.closest("[data-sort]");
    if (root.hasAttribute("aria-busy")) {
      say("The last move is still being saved. Try again in a moment.");
      return;
    }
    held = { item, root, from: placeOf(item), byPointer };
    item.dataset.sortHeld = "";
    handle.setAttribute("aria-pressed", "true");
    if (!byPointer) say(`${item.dataset.sortItem} is lifted: ${where(item)}. Arrow keys move it, Space drops it, Escape puts it back.`);
  }

  function letGo() {
    const { item } = held;
    delete item.dataset.sortHeld;
    handleOf(item).removeAttribute("aria-pressed");
    held = null;
  }

  function cancel() {
    const { item, from } = held;
    put(item, from.list, from.at);
    letGo();
    say(`${item.dataset.sortItem} is back in its place.`);
  }

  function drop() {
    const { item, root, from } = held;
    const to = placeOf(item);
    letGo();
    say(`${item.dataset.sortItem} is dropped: ${where(item)}.`);
    if (to.list === from.list && to.at === from.at) return;
    const form = item.querySelector("[data-sort-form]");
    if (form) send(form, root, item, to, from);
    else renumber(root);
  }

  // One request says the whole place. Who is refused without a new page sees the old order again.
  function send(form, root, item, to, from) {
    const values = { column: listsOf(root).indexOf(to.list), place: to.at };
    for (const [name, value] of Object.entries(values)) {
      const field = form.elements[name];
      if (field) [field.value, field.disabled] = [value, false];
    }
    root.setAttribute("aria-busy", "true");
    last = handleOf(item).id;
    form.addEventListener("htmx:afterRequest", (event) => {
      root.removeAttribute("aria-busy");
      for (const name of Object.keys(values)) if (form.elements[name]) form.elements[name].disabled = true;
      if (event.detail.successful || event.detail.xhr.getResponseHeader("HX-Retarget")) return;
      put(item, from.list, from.at);
      say(`${item.dataset.sortItem} is back in its place: the move was not saved.`);
    }, { once: true });
    form.requestSubmit();
  }

  // Numbers and order say the same: the first ticked row is 1.
  const isTicked = (item) => item.querySelector("[type=checkbox]").checked;
  const numberOf = (item) => item.querySelector("[data-sort-number]");
  function renumber(root) {
    let count = 0;
    for (const item of listsOf(root).flatMap(itemsOf)) numberOf(item).value = isTicked(item) ? ++count : "";
  }
  document.addEventListener("change", (event) => {
    const item = event.target.closest("[data-sort-item]");
    if (!item || !numberOf(item)) return;
    if (event.target === numberOf(item)) {
      const ticked = itemsOf(listOf(item)).filter((other) => other !== item && isTicked(other));
      const wanted = clamp(Math.trunc(Number(event.target.value) || 1) - 1, ticked.length);
      item.querySelector("[type=checkbox]").checked = event.target.value !== "";
      if (event.target.value !== "" && ticked.length) {
        if (wanted < ticked.length) ticked[wanted].before(item);
        else ticked.at(-1).after(item);
      }
      item.scrollIntoView({ block: "nearest" });
    }
    renumber(item.closest("[data-sort]"));
  });

  function step(key) {
    const { item, root } = held;
    const { list, at } = placeOf(item);
    const lists = listsOf(root);
    const column = clamp(lists.indexOf(list) + ({ ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0), lists.length - 1);
    const last = itemsOf(lists[column]).length - (lists[column] === list ? 1 : 0);
    const next = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: last }[key] ?? at;
    put(item, lists[column], clamp(next, last));
    say(`${where(item)}.`);
  }

  document.addEventListener("keydown", (event) => {
    const handle = event.target.closest?.("[data-sort-handle]");
    if (!handle || event.ctrlKey || event.metaKey || event.altKey) return;
    if (LIFT.includes(event.key)) held ? drop() : lift(handle, false);
    else if (held && event.key === "Escape") cancel();
    else if (held && /^Arrow|^Home$|^End$/.test(event.key)) step(event.key);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => { // else it presses the button, too
    if (event.key === " " && event.target.closest?.("[data-sort-handle]")) event.preventDefault();
  });
  document.addEventListener("click", (event) => { // by a screen reader, which sends no keys
    const handle = event.target.closest("[data-sort-handle]");
    if (handle && event.detail === 0) held ? drop() : lift(handle, false);
  });
  document.addEventListener("focusout", () => setTimeout(() => {
    if (held && !held.byPointer && document.activeElement !== handleOf(held.item)) cancel();
  }));

  document.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-sort-handle]");
    if (!handle || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    if (held) cancel();
    handle.focus({ preventScroll: true });
    lift(handle, true);
    held?.root.setPointerCapture(event.pointerId); // of what does not move itself
  });
  document.addEventListener("pointermove", (event) => {
    if (!held?.byPointer) return;
    const { clientX: x, clientY: y } = event;
    const far = (list) => {
      const box = (list.closest("[data-sort-area]") ?? list).getBoundingClientRect();
      return Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
    };
    const list = listsOf(held.root).reduce((best, other) => (far(other) < far(best) ? other : best));
    const above = itemsOf(list).filter((other) => {
      const box = other.getBoundingClientRect();
      return other !== held.item && box.top + box.height / 2 < y;
    });
    const now = placeOf(held.item);
    if (now.list !== list || now.at !== above.length) put(held.item, list, above.length);
  });
  document.addEventListener("pointerup", () => { if (held?.byPointer) drop(); });
  document.addEventListener("pointercancel", () => { if (held?.byPointer) cancel(); });

  const show = (root) => {
    for (const handle of root.querySelectorAll("[data-sort-handle][hidden]")) handle.hidden = false;
  };
  show(document);
  document.addEventListener("htmx:load", (event) => {
    show(event.detail.elt);
    const handle = last && event.detail.elt.querySelector(`[id="${last}"]`);
    if (!handle) return;
    handle.focus({ preventScroll: true });
    last = "";
  });
})();
