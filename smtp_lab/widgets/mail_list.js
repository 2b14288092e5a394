// A page of messages as a grid, for the mouse and for the keyboard. What it shows comes as a message
// from the kernel and is kept in the page only: the state that a notebook saves holds no mail.
function render({ model, el }) {
  const words = model.get("words");
  const view = "smtp-lab-mail-" + Math.random().toString(36).slice(2);
  const say = (content) => model.send(content);
  const bar = make("div", "smtp-lab-mails-bar");
  const where = make("span", "smtp-lab-mails-where");
  const box = make("div", "smtp-lab-mails-box");
  const table = make("table", "smtp-lab-mails-here"); // where a panel puts the focus
  const nothing = make("p", "smtp-lab-mails-nothing");
  const pager = {};
  let chosen = new Set();
  let at = null; // the row the keyboard is on
  let from = null; // where a range began

  where.setAttribute("role", "status");
  for (const to of ["newest", "newer", "older", "oldest"]) {
    pager[to] = make("button", "jupyter-button widget-button");
    pager[to].type = "button";
    pager[to].textContent = words[to];
    pager[to].addEventListener("click", () => say({ type: "page", to }));
    bar.append(pager[to]);
  }
  bar.append(where);
  table.setAttribute("role", "grid");
  table.setAttribute("aria-multiselectable", "true");
  table.setAttribute("aria-label", model.get("label"));
  table.tabIndex = 0;
  const head = table.createTHead().insertRow();
  for (const name of ["marks", "from", "to", "subject", "time", "size"]) {
    const cell = make("th", "smtp-lab-mail-" + name);
    cell.scope = "col";
    cell.textContent = words[name];
    head.append(cell);
  }
  const body = table.createTBody();
  box.append(table, nothing);
  el.classList.add("smtp-lab-mails");
  el.replaceChildren(bar, box);

  const language = model.get("language");
  const today = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  const other = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const short = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
  const size = (octets) => {
    const step = octets < 1e3 ? 0 : octets < 1e6 ? 1 : 2;
    return short.format(octets / 1000 ** step) + " " + ["B", "kB", "MB"][step];
  };

  const number = (row) => Number(row.dataset.number);
  const rows = () => [...body.rows];
  const put = (row, name, text, title = text) => {
    const cell = row.insertCell();
    cell.className = "smtp-lab-mail-" + name;
    cell.textContent = text;
    cell.title = title;
    return cell;
  };
  const put_marks = (cell, marks) => {
    cell.replaceChildren(
      ...marks.map(([kind, text]) => {
        const mark = make("span", "smtp-lab-mail-" + kind);
        if (kind === "files") mark.append(clip());
        else mark.textContent = { refused: "⊘", errors: "✘", warnings: "⚠" }[kind];
        mark.title = text;
        mark.setAttribute("role", "img");
        mark.setAttribute("aria-label", text);
        return mark;
      }),
    );
  };
  const made = (mail, n, start) => {
    const row = make("tr");
    row.id = view + "-" + mail.id;
    row.dataset.number = mail.id;
    row.setAttribute("aria-rowindex", start + n + 2); // the head is the first
    put_marks(put(row, "marks", "", ""), mail.marks);
    put(row, "from", mail.from);
    put(row, "to", mail.to);
    const subject = put(row, "subject", "", mail.subject);
    for (const tag of mail.tags) {
      const pill = make("span", "smtp-lab-mail-tag");
      pill.textContent = tag;
      subject.append(pill, " ");
    }
    subject.append(mail.subject || words.no_subject);
    const when = new Date(mail.at);
    const near = when.toDateString() === new Date().toDateString();
    put(row, "time", (near ? today : other).format(when), mail.utc);
    put(row, "size", size(mail.size), mail.octets);
    row.addEventListener("click", (event) => {
      if (event.shiftKey) range(mail.id);
      else if (event.ctrlKey || event.metaKey) toggle(mail.id);
      else choose(mail.id);
    });
    row.addEventListener("dblclick", () => say({ type: "enter" }));
    return row;
  };
  const mark = () => {
    let here = null;
    for (const row of rows()) {
      row.setAttribute("aria-selected", String(chosen.has(number(row))));
      row.classList.toggle("smtp-lab-mail-at", number(row) === at);
      if (number(row) === at) here = row;
    }
    if (here) table.setAttribute("aria-activedescendant", here.id);
    else table.removeAttribute("aria-activedescendant");
    return here;
  };
  const tell = () => {
    mark()?.scrollIntoView({ block: "nearest" });
    say({ type: "choose", numbers: [...chosen], at });
  };
  const choose = (id) => {
    chosen = new Set([id]);
    at = from = id;
    tell();
  };
  const toggle = (id) => {
    if (!chosen.delete(id)) chosen.add(id);
    at = from = id;
    tell();
  };
  const range = (id) => {
    const all = rows().map(number);
    const ends = [all.indexOf(from), all.indexOf(id)].sort((a, b) => a - b);
    if (ends[0] < 0) return choose(id);
    chosen = new Set(all.slice(ends[0], ends[1] + 1));
    at = id;
    tell();
  };
  const step = (to, event) => {
    const all = rows();
    if (!all.length) return;
    const id = number(all[Math.max(0, Math.min(all.length - 1, to))]);
    if (event.shiftKey) range(id);
    else if (event.ctrlKey || event.metaKey) {
      at = id;
      mark().scrollIntoView({ block: "nearest" });
    } else choose(id);
  };
  table.addEventListener("keydown", (event) => {
    const here = rows().findIndex((row) => number(row) === at);
    const acts = {
      ArrowDown: () => step(here + 1, event),
      ArrowUp: () => step(here < 0 ? 0 : here - 1, event),
      Home: () => step(0, event),
      End: () => step(Infinity, event),
      PageDown: () => pager.older.disabled || say({ type: "page", to: "older" }),
      PageUp: () => pager.newer.disabled || say({ type: "page", to: "newer" }),
      " ": () => here >= 0 && toggle(at),
      Enter: () => here >= 0 && say({ type: "enter" }),
      Delete: () => chosen.size && say({ type: "delete" }),
    };
    if (event.altKey || !(event.key in acts)) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  });

  // Rows that stay in sight stay where they are, unless one looks at the newest.
  const anchor = () => {
    const top = box.getBoundingClientRect().top;
    const row = box.scrollTop ? rows().find((one) => one.getBoundingClientRect().bottom > top) : null;
    return row && [row.id, row.getBoundingClientRect().top];
  };
  const show = (page) => {
    const kept = anchor();
    if (page.chosen) {
      chosen = new Set(page.chosen);
      at = from = page.chosen.at(-1) ?? null;
    }
    body.replaceChildren(...page.rows.map((mail, n) => made(mail, n, page.start)));
    table.setAttribute("aria-rowcount", page.total + 1);
    where.textContent = page.where;
    pager.newest.disabled = pager.newer.disabled = page.start === 0;
    pager.older.disabled = pager.oldest.disabled = page.start + page.rows.length >= page.total;
    nothing.textContent = page.rows.length ? "" : page.nothing;
    mark();
    const still = kept && document.getElementById(kept[0]);
    if (page.turned) box.scrollTop = 0;
    else if (still) box.scrollTop += still.getBoundingClientRect().top - kept[1];
  };
  const hear = (content) => {
    if (content.type === "page") show(content);
    else if (content.type === "marks") {
      const row = document.getElementById(view + "-" + content.id);
      if (row) put_marks(row.cells[0], content.marks);
    }
  };
  model.on("msg:custom", hear);
  say({ type: "ready" });
  return () => model.off("msg:custom", hear);
}

// Drawn: not every machine has a font with a paper clip.
function clip() {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("viewBox", "0 0 16 16");
  line.setAttribute("d", "M12 6.5 7.5 11a2 2 0 0 1-3-3L9.500 3a3 3 0 0 1 4.500 4.500L8 13.500a4.200 4.200 0 0 1-6-6L6.500 3");
  drawn.append(line);
  return drawn;
}

function make(tag, name = "") {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

export default { render };
