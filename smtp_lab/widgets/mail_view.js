// One message to read: what stands above it, a tab for each way to look at it, its files. All of it
// comes as messages from the kernel and is kept in the page only. Texts are put in as text; markup
// is the kernel's own, with everything of the mail escaped or in a frame that runs nothing.
const LONG = 250; // characters of a header that may take more than three lines

function render({ model, el }) {
  const words = model.get("words");
  const id = "smtp-lab-view-" + Math.random().toString(36).slice(2);
  const head = make("div", "smtp-lab-view-head");
  const list = make("div", "smtp-lab-view-tabs");
  const options = make("div", "smtp-lab-view-options");
  const place = make("div", "smtp-lab-view-place");
  const files = make("div", "smtp-lab-view-files");
  const below = make("div", "smtp-lab-view-below");
  const names = Object.keys(model.get("tabs"));
  const tabs = {};
  let mail = 0;
  let now = names[0];
  let filled = {}; // what was shown of this message, by tab and options

  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", words.views);
  place.setAttribute("role", "tabpanel");
  place.id = id + "-place";
  place.tabIndex = 0;
  files.setAttribute("role", "group");
  files.setAttribute("aria-label", words.files);
  for (const name of names) {
    const tab = (tabs[name] = make("button"));
    tab.type = "button";
    tab.id = id + "-" + name;
    tab.textContent = model.get("tabs")[name];
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", place.id);
    tab.addEventListener("click", () => turn(name));
    list.append(tab);
  }
  list.addEventListener("keydown", (event) => {
    const at = names.indexOf(now);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    turn(names[(to + names.length) % names.length]);
    tabs[now].focus();
  });
  const width = make("select");
  width.setAttribute("aria-label", words.width);
  for (const name of ["full", "desktop", "phone"]) width.add(new Option(words[name], name));
  const dark = make("input");
  dark.type = "checkbox";
  const label = make("label");
  label.append(dark, " " + words.dark);
  options.append(width, label);
  width.addEventListener("change", () => fill());
  dark.addEventListener("change", () => fill());
  el.classList.add("smtp-lab-view");
  el.replaceChildren(head, list, options, place, files, below);

  const key = () => (now === "html" ? `html ${width.value} ${dark.checked}` : now);
  const turn = (name) => {
    now = name;
    fill();
  };
  const fill = () => {
    for (const name of names) {
      tabs[name].setAttribute("aria-selected", String(name === now));
      tabs[name].tabIndex = name === now ? 0 : -1;
    }
    place.setAttribute("aria-labelledby", tabs[now].id);
    options.hidden = now !== "html";
    if (filled[key()]) return place.replaceChildren(filled[key()]);
    place.textContent = words.loading;
    model.send({ type: "tab", mail, tab: now, key: key(), width: width.value, dark: dark.checked });
  };
  const shown = (content) => {
    const box = make("div");
    if (content.html !== undefined) box.innerHTML = content.html;
    else {
      const pre = make("pre");
      pre.tabIndex = 0; // it scrolls
      pre.textContent = content.text;
      box.append(pre);
    }
    if (content.next) {
      const more = make("button", "jupyter-button widget-button");
      more.type = "button";
      more.textContent = content.more;
      more.addEventListener("click", () => {
        more.disabled = true;
        model.send({ type: "tab", mail, tab: now, key: content.key, from: content.next });
      });
      box.append(more);
    }
    return box;
  };
  const put = (content) => {
    if (content.mail !== mail) return; // another one was chosen meanwhile
    const box = shown(content);
    if (content.from && filled[content.key]) {
      const before = filled[content.key];
      before.querySelector("pre").append(content.text);
      before.querySelector("button").remove();
      if (content.next) before.append(box.querySelector("button"));
    } else filled[content.key] = box;
    if (content.key === key()) place.replaceChildren(filled[content.key]);
  };
  const put_files = (all) => {
    files.replaceChildren(
      ...all.map((file) => {
        const button = make("button", "jupyter-button widget-button");
        button.type = "button";
        button.textContent = "⬇ " + file.label;
        button.addEventListener("click", () => model.send({ type: "file", mail, file: file.n }));
        return button;
      }),
    );
  };
  const keep = (content, buffers) => {
    const link = document.createElement("a");
    // Never its own type: what a browser would show by itself is to be a file, too.
    link.href = URL.createObjectURL(new Blob(buffers, { type: "application/octet-stream" }));
    link.download = content.name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const show = (content) => {
    mail = content.mail;
    filled = {};
    head.innerHTML = content.head;
    head.querySelectorAll("td").forEach((cell) => {
      const box = make("div", "smtp-lab-view-clamp");
      if (cell.textContent.length > LONG) box.tabIndex = 0; // the keyboard can scroll it
      box.append(...cell.childNodes);
      cell.append(box);
    });
    below.innerHTML = content.below;
    put_files(content.files);
    list.hidden = place.hidden = !mail;
    options.hidden = !mail || now !== "html";
    if (mail) fill();
  };
  const hear = (content, buffers) => {
    if (content.type === "message") show(content);
    else if (content.type === "tab") put(content);
    else if (content.type === "file") keep(content, buffers);
    else if (content.type === "focus" && mail) {
      tabs[now].focus();
      tabs[now].scrollIntoView({ block: "nearest" });
    }
  };
  show({ mail: 0, head: "", below: "", files: [] });
  model.on("msg:custom", hear);
  model.send({ type: "ready" });
  return () => model.off("msg:custom", hear);
}

function make(tag, name = "") {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

export default { render };
