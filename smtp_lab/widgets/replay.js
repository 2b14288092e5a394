// A dialogue that can be gone through line by line. All of it is here: no kernel is needed.
const SPEAKERS = { C: "→", S: "←", "*": "·" };

function render({ model, el }) {
  const words = model.get("words");
  const bar = make("div", "smtp-lab-replay-bar");
  const where = make("span", "smtp-lab-replay-where");
  const meaning = make("p", "smtp-lab-replay-meaning");
  const scroll = make("div", "smtp-lab-replay-lines");
  const table = make("table");
  let at = 0; // lines that are shown
  let timer = null;
  const rows = model.get("lines");

  el.classList.add("smtp-lab-replay");
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", words.replay);
  where.setAttribute("role", "status");
  meaning.setAttribute("aria-live", "polite");
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", words.dialogue);
  scroll.tabIndex = 0;

  const press = (name, act) => {
    const button = make("button", "jupyter-button widget-button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", act);
    bar.append(button);
    return button;
  };
  const halt = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = words.play;
  };
  const go = (to) => {
    at = Math.max(1, Math.min(rows.length, to));
    [...body.rows].forEach((row, n) => {
      row.classList.toggle("smtp-lab-later", n >= at);
      row.classList.toggle("smtp-lab-now", stepping && n === at - 1);
      row.toggleAttribute("aria-current", stepping && n === at - 1);
    });
    back.disabled = !stepping || at <= 1;
    next.disabled = stepping && at >= rows.length;
    where.textContent = stepping
      ? words.line.replace("{n}", at).replace("{total}", rows.length)
      : words.all_lines.replace("{total}", rows.length);
    meaning.textContent = stepping ? rows[at - 1].meaning || rows[at - 1].text : "";
    meaning.hidden = !stepping;
    if (stepping) {
      const row = body.rows[at - 1];
      scroll.scrollTop = Math.max(0, row.offsetTop - scroll.clientHeight / 2);
    }
  };
  let stepping = false;
  const step = (to) => {
    stepping = true;
    go(to);
  };
  press(words.first, () => { halt(); step(1); });
  const back = press(words.back, () => { halt(); step(at - 1); });
  const next = press(words.next, () => { halt(); step(stepping ? at + 1 : 1); });
  const play = press(words.play, () => {
    if (timer) return halt();
    play.textContent = words.pause;
    step(stepping && at < rows.length ? at : 1);
    timer = setInterval(() => (at < rows.length ? step(at + 1) : halt()), model.get("pace"));
  });
  press(words.all, () => { halt(); stepping = false; go(rows.length); });
  bar.append(where);

  const head = table.createTHead().insertRow();
  [words.seconds, words.who, words.said, words.means].forEach((name) => {
    const cell = make("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  });
  const body = table.createTBody();
  rows.forEach((line) => {
    const row = body.insertRow();
    row.className = "smtp-lab-from-" + (line.who === "*" ? "note" : line.who);
    row.insertCell().textContent = line.at;
    const who = row.insertCell();
    who.textContent = SPEAKERS[line.who] + " " + words[line.who];
    if (line.tls) {
      const lock = make("span");
      lock.textContent = " 🔒";
      lock.setAttribute("role", "img");
      lock.setAttribute("aria-label", words.encrypted);
      who.append(lock);
    }
    row.insertCell().textContent = line.text;
    row.insertCell().textContent = line.meaning;
  });
  scroll.append(table);
  el.replaceChildren(bar, meaning, scroll);
  if (rows.length) go(rows.length);
  return () => clearInterval(timer);
}

function make(tag, name = "") {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

export default { render };
