// HTML that comes as a message: nothing of it is in the state of the widget, which notebooks keep.
function render({ model, el }) {
  el.classList.add("smtp-lab-quiet-html");
  let shown = "";
  const show = (content) => {
    if (content.type !== "html" || content.html === shown) return;
    shown = content.html;
    el.innerHTML = shown;
  };
  model.on("msg:custom", show);
  model.send({ type: "ready" });
  return () => model.off("msg:custom", show);
}

export default { render };
