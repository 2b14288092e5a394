// Sessions of a sink, a row each, of which one is chosen: by mouse, or with the arrow keys.
function render({ model, el }) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  el.classList.add("smtp-lab-sessions");
  table.setAttribute("role", "grid");
  el.replaceChildren(table);

  const rows = () => [...body.rows];
  const show = () => {
    const held = body.contains(document.activeElement) && document.activeElement.dataset.id;
    table.setAttribute("aria-label", model.get("label"));
    head.replaceChildren(...model.get("columns").map(title));
    body.replaceChildren(...model.get("rows").map(made));
    mark();
    if (held) (rows().find((row) => row.dataset.id === held) || rows()[0])?.focus();
  };
  const title = (text) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = text;
    return cell;
  };
  const made = ({ id, cells, kind }) => {
    const row = document.createElement("tr");
    row.dataset.id = id;
    row.className = "smtp-lab-is-" + kind;
    cells.forEach((text, n) => {
      const cell = row.insertCell();
      cell.textContent = text;
      cell.dataset.column = model.get("columns")[n];
    });
    row.addEventListener("click", () => choose(row));
    return row;
  };
  const mark = () => {
    const chosen = model.get("chosen");
    const all = rows();
    const here = all.find((row) => row.dataset.id === chosen);
    all.forEach((row) => {
      row.setAttribute("aria-selected", String(row === here));
      row.tabIndex = row === (here || all[0]) ? 0 : -1;
    });
  };
  const choose = (row) => {
    row.focus();
    model.set("chosen", row.dataset.id);
    model.save_changes();
    // Changes wait for the kernel's answer to the one before, and a click would overtake them.
    model.send({ type: "choose", id: row.dataset.id });
  };
  body.addEventListener("keydown", (event) => {
    const all = rows();
    const at = all.indexOf(event.target.closest("tr"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1, Enter: at, " ": at }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    choose(all[Math.max(0, Math.min(all.length - 1, to))]);
  });
  const names = ["rows", "columns", "label"];
  names.forEach((name) => model.on("change:" + name, show));
  model.on("change:chosen", mark);
  show();
  return () => {
    names.forEach((name) => model.off("change:" + name, show));
    model.off("change:chosen", mark);
  };
}

export default { render };
