// A field whose text never enters widget state: it leaves as a custom message and the field is
// emptied. What is synced is only whether the kernel holds something.
function render({ model, el }) {
  const id = "smtp-lab-secret-" + Math.random().toString(36).slice(2);
  const label = document.createElement("label");
  const rows = model.get("rows");
  const input = document.createElement(rows ? "textarea" : "input");
  el.classList.add("smtp-lab-secret", "jupyter-widgets", "widget-inline-hbox", "widget-text");
  label.htmlFor = input.id = id;
  label.className = "widget-label";
  if (rows) {
    input.rows = rows;
    if (model.get("masked")) input.classList.add("smtp-lab-masked");
  } else {
    input.type = "password";
  }
  input.autocomplete = "new-password";
  input.spellcheck = false;
  el.replaceChildren(label, input);

  const show = () => {
    label.textContent = label.title = model.get("description");
    input.placeholder = model.get("kept") ? model.get("kept_words") : model.get("hint");
    input.disabled = model.get("disabled");
  };
  const hand_over = () => {
    if (input.value === "") return;
    model.send({ type: "secret", text: input.value });
    input.value = "";
  };
  // "change" fires on Enter and before focus moves on: a click on Send test comes after it.
  input.addEventListener("change", hand_over);
  if (model.get("pick")) el.append(picker(model, input));
  // Keys belong to the field, not to the notebook's shortcuts.
  el.addEventListener("keydown", (event) => event.stopPropagation());

  const names = ["description", "kept", "disabled", "kept_words", "hint"];
  names.forEach((name) => model.on("change:" + name, show));
  show();
  return () => names.forEach((name) => model.off("change:" + name, show));
}

// A file goes the same way as what is typed.
function picker(model, input) {
  const label = document.createElement("label");
  const file = document.createElement("input");
  label.className = "smtp-lab-pick";
  label.append(model.get("pick") + " ", file);
  file.type = "file";
  file.addEventListener("change", async () => {
    const text = file.files.length ? await file.files[0].text() : "";
    if (text !== "") model.send({ type: "secret", text });
    file.value = "";
  });
  return label;
}

export default { render };
