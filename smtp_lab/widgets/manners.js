// What ipywidgets cannot say from Python: which note belongs to which field, whether its value is
// wrong, where a screen reader listens, and where the cursor goes.
const AGAIN = 500; // milliseconds in which a second click is one of a double click

function render({ model, el }) {
  el.hidden = true;
  let root = null;
  let wait = 300; // frames until the panel is in the page
  let watcher = null;
  let count = 0;

  const tidy = () => {
    root.querySelectorAll(".smtp-lab-row").forEach((row) => {
      const note = row.querySelector(".smtp-lab-note");
      if (!note) return;
      note.id ||= "smtp-lab-note-" + Math.random().toString(36).slice(2);
      const wrong = note.querySelector(".smtp-lab-wrong") !== null;
      row.querySelectorAll("input, select, textarea").forEach((field) => {
        put(field, "aria-describedby", note.id);
        put(field, "aria-invalid", wrong ? "true" : null);
        if (row.classList.contains("smtp-lab-required")) put(field, "aria-required", "true");
      });
    });
    root.querySelectorAll(".smtp-lab-live").forEach((live) => {
      put(live, "role", "status");
      put(live, "aria-atomic", "true");
    });
    root.querySelectorAll(".smtp-lab-opens").forEach((button) => {
      put(button, "aria-expanded", String(button.classList.contains("smtp-lab-open")));
    });
  };
  const put = (node, name, value) => {
    if (value === null) node.removeAttribute(name);
    else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  };

  // Asked to point at a field that is about to be shown: it is waited for, unless whoever sits
  // there goes somewhere else meanwhile.
  const point = (tries = 300, from = document.activeElement) => {
    const [name, , gently] = model.get("target").split(" ");
    const now = document.activeElement;
    if (gently && now !== document.body && !root?.contains(now)) return;
    if (!name || !root || (now !== from && now !== document.body)) return;
    const place = root.querySelector("." + CSS.escape(name));
    const wanted = "input:not([type=file]), select, textarea, button, [tabindex='0']";
    const field = place?.matches(wanted) ? place : place?.querySelector(wanted);
    if (field && field.offsetParent !== null && !field.disabled) {
      field.focus();
      field.scrollIntoView({ block: "nearest" });
    } else if (tries) requestAnimationFrame(() => point(tries - 1, from));
  };

  // ipywidgets sends the second change of a widget when the kernel is done with the first (`sync` in
  // its widget.ts), but a click at once: it would find in the kernel what was typed or chosen before.
  let models = [];
  const gather = async () => {
    models = await Promise.all(Object.values(model.widget_manager?._models ?? {}));
  };
  const sendRest = () => {
    for (const one of models) {
      const rest = one._msg_buffer;
      if (!rest) continue;
      one._msg_buffer = null;
      const id = one.send_sync_message(rest, one._msg_buffer_callbacks ?? {});
      one.rememberLastUpdateFor?.(id);
    }
  };

  // The second click of a double click does nothing, nor does a key that is held.
  const pressed = new WeakMap();
  const once = (event) => {
    const button = event.target.closest?.(".smtp-lab-once");
    if (!button) return;
    const now = performance.now();
    if (now - (pressed.get(button) ?? -Infinity) < AGAIN) {
      event.stopImmediatePropagation();
      event.preventDefault();
    } else pressed.set(button, now);
  };

  const begin = () => {
    root = el.closest(".smtp-lab-panel");
    if (!root) {
      if (wait--) requestAnimationFrame(begin);
      return;
    }
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", model.get("label"));
    root.lang = model.get("language");
    // Enter and the letters are the panel's, not shortcuts of the notebook; Ctrl and Alt are not.
    root.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
    });
    root.addEventListener("click", once, true);
    root.addEventListener("focusin", gather);
    root.addEventListener("click", sendRest, true);
    root.addEventListener("keydown", (event) => event.key === "Enter" && sendRest(), true);
    tidy();
    watcher = new MutationObserver(() => {
      cancelAnimationFrame(count);
      count = requestAnimationFrame(tidy);
    });
    watcher.observe(root, { childList: true, subtree: true, attributeFilter: ["class"] });
    point();
  };
  const again = () => point();
  model.on("change:target", again);
  begin();
  // ipywidgets does not tell the kernel when a cell is run again or its output is cleared.
  const view = "smtp-lab-view-" + Math.random().toString(36).slice(2);
  const gone = () => model.send({ type: "gone", view });
  const shown = () => model.send({ type: "shown", view });
  shown();
  window.addEventListener("pagehide", gone);
  window.addEventListener("pageshow", shown);
  return () => {
    window.removeEventListener("pagehide", gone);
    window.removeEventListener("pageshow", shown);
    gone();
    watcher?.disconnect();
    root?.removeEventListener("click", once, true);
    model.off("change:target", again);
  };
}

export default { render };
