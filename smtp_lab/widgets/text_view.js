// Text to look at, copy, and keep as a file.
function render({ model, el }) {
  const box = document.createElement("div");
  const pre = document.createElement("pre");
  const bar = document.createElement("div");
  const copy = button();
  const save = button();
  const said = document.createElement("span");
  el.classList.add("smtp-lab-text");
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  said.setAttribute("role", "status");
  bar.append(copy, save, said);
  box.append(bar, pre);
  el.replaceChildren(box);

  const show = () => {
    pre.textContent = model.get("shown") ? model.get("text") : "";
    pre.hidden = !model.get("shown");
    pre.setAttribute("aria-label", model.get("label"));
    copy.textContent = model.get("words").copy;
    save.textContent = model.get("words").save;
    save.hidden = !model.get("file_name");
    said.textContent = "";
  };
  copy.addEventListener("click", async () => {
    const text = model.get("text");
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      by_hand(text); // a page that was not served by this machine, or a browser that says no
    }
    said.textContent = model.get("words").copied;
  });
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([model.get("text")], { type: "text/plain" }));
    link.download = model.get("file_name");
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const names = ["text", "label", "words", "file_name", "shown"];
  names.forEach((name) => model.on("change:" + name, show));
  show();
  return () => names.forEach((name) => model.off("change:" + name, show));
}

function button() {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "jupyter-button widget-button";
  return made;
}

function by_hand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export default { render };
