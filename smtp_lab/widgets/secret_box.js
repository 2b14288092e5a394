// A password field whose text never enters widget state: it leaves as a custom message and the
// field is emptied. What is synced is only whether the kernel holds a secret.
function render({ model, el }) {
  const id = "smtp-lab-secret-" + Math.random().toString(36).slice(2);
  const label = document.createElement("label");
  const input = document.createElement("input");
  el.classList.add("smtp-lab-secret", "jupyter-widgets", "widget-inline-hbox", "widget-text");
  label.htmlFor = input.id = id;
  label.className = "widget-label";
  input.type = "password";
  input.autocomplete = "new-password";
  input.spellcheck = false;
  el.replaceChildren(label, input);

  const show = () => {
    label.textContent = model.get("description");
    input.placeholder = model.get("kept") ? "•••••• (kept in the kernel's memory)" : "";
    input.disabled = model.get("disabled");
  };
  const hand_over = () => {
    if (input.value === "") return;
    model.send({ type: "secret", text: input.value });
    input.value = "";
  };
  // "change" fires on Enter and before focus moves on: a click on Send test comes after it.
  input.addEventListener("change", hand_over);
  // Keys belong to the field, not to the notebook's shortcuts.
  el.addEventListener("keydown", (event) => event.stopPropagation());

  const names = ["description", "kept", "disabled"];
  names.forEach((name) => model.on("change:" + name, show));
  show();
  return () => names.forEach((name) => model.off("change:" + name, show));
}

export default { render };
