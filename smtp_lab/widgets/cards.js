// Profiles as cards, of which one is at hand: a list box, for the mouse and for the keyboard.
function render({ model, el }) {
  const list = document.createElement("div");
  const id = "smtp-lab-card-" + Math.random().toString(36).slice(2);
  el.classList.add("smtp-lab-cards");
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-orientation", "vertical");
  list.tabIndex = 0;
  el.replaceChildren(list);

  const options = () => [...list.children];
  const show = () => {
    list.setAttribute("aria-label", model.get("label"));
    list.replaceChildren(...model.get("cards").map((card, n) => made(card, n)));
    mark();
  };
  const mark = () => {
    const chosen = model.get("chosen");
    options().forEach((option) => {
      const here = option.dataset.name === chosen;
      option.setAttribute("aria-selected", String(here));
      if (here) list.setAttribute("aria-activedescendant", option.id);
    });
  };
  const made = (card, n) => {
    const option = document.createElement("div");
    option.setAttribute("role", "option");
    option.id = id + "-" + n;
    option.dataset.name = card.name;
    option.append(line("strong", card.name));
    card.marks.forEach((text) => option.append(line("span", text, "smtp-lab-mark")));
    card.lines.forEach((text) => option.append(line("div", text)));
    if (card.warning) option.append(line("div", "⚠ " + card.warning, "smtp-lab-warn"));
    option.addEventListener("click", () => choose(card.name));
    option.addEventListener("dblclick", () => model.send({ type: "open" }));
    return option;
  };
  const choose = (name) => {
    model.set("chosen", name);
    model.save_changes();
    // Changes wait for the kernel's answer to the one before, and a click would overtake them.
    model.send({ type: "choose", name });
  };
  list.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.findIndex((option) => option.dataset.name === model.get("chosen"));
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      model.send({ type: "open" });
    } else if (to !== undefined && all.length) {
      event.preventDefault();
      const next = all[Math.max(0, Math.min(all.length - 1, to))];
      choose(next.dataset.name);
      next.scrollIntoView({ block: "nearest" });
    }
  });
  model.on("change:cards", show);
  model.on("change:label", show);
  model.on("change:chosen", mark);
  show();
  return () => {
    model.off("change:cards", show);
    model.off("change:label", show);
    model.off("change:chosen", mark);
  };
}

function line(tag, text, name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = name;
  return made;
}

export default { render };
