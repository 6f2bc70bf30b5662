(() => {
  const model = JSON.parse(document.getElementById("drawing").textContent);
  const { items } = model;
  const canvas = document.getElementById("canvas");
  const svg = document.getElementById("network");
  const said = document.getElementById("said");
  const details = document.getElementById("details");
  const first = new Set(model.opened);
  const opened = new Set(first);
  const LARGEST = 3, SMALLEST = 0.1, LEGIBLE = 0.75;
  const MOST_NAMES = 12;
  let scene = null;
  let scale = 1;
  let chosen = -1;

  const nodeOf = (at) => svg.querySelector(`.node[data-item="${at}"]`);

  const zoom = (wanted) => {
    const next = Math.min(LARGEST, Math.max(SMALLEST, wanted));
    const box = canvas.getBoundingClientRect();
    const middle = { x: (canvas.scrollLeft + box.width / 2) / scale, y: (canvas.scrollTop + box.height / 2) / scale };
    scale = next;
    svg.setAttribute("width", scene.width * scale);
    svg.setAttribute("height", scene.height * scale);
    canvas.scrollLeft = middle.x * scale - box.width / 2;
    canvas.scrollTop = middle.y * scale - box.height / 2;
  };

  const fitting = () => Math.min(1, (canvas.clientWidth - 4) / scene.width, (canvas.clientHeight - 4) / scene.height);

  const draw = () => {
    scene = drawing.arrange(model, opened);
    svg.setAttribute("viewBox", `0 0 ${scene.width} ${scene.height}`);
    svg.innerHTML = drawing.paint(scene, items, true);
    svg.setAttribute("width", scene.width * scale);
    svg.setAttribute("height", scene.height * scale);
    mark();
  };

  const mark = () => {
    svg.querySelector(".chosen")?.classList.remove("chosen");
    nodeOf(chosen)?.classList.add("chosen");
  };

  const ancestors = (at) => {
    const found = [];
    for (let up = items[at].parent; up >= 0; up = items[up].parent) found.push(up);
    return found;
  };

  const names = (word, found) => {
    if (!found.length) return null;
    const more = found.length > MOST_NAMES ? ` and ${found.length - MOST_NAMES} more` : "";
    return `${word} ${found.slice(0, MOST_NAMES).join(", ")}${more}`;
  };

  const choose = (at) => {
    chosen = at;
    const item = items[at];
    const within = items.map((_, index) => index === at);
    items.forEach((each, index) => { if (each.parent >= 0 && within[each.parent]) within[index] = true; });
    const into = new Set(), out = new Set();
    for (const [from, to, shape, kind] of model.edges) {
      if (kind & (drawing.MISSING | drawing.SHARED) || within[from] === within[to]) continue;
      if (within[to]) into.add(`${items[from].name}${shape ? ` (${shape})` : ""}`);
      else out.add(items[to].name);
    }
    const lines = [
      item.layer ? `normalization layer ${item.layer}: ${drawing.status(item)}` : null,
      [item.kind === "block" ? `block of ${item.size} nodes` : item.kind === "train" ? `train op, ${item.op}` : item.op, item.shape].filter(Boolean).join(", "),
      item.note, names("reads", [...into]), names("feeds", [...out]),
    ].filter(Boolean);
    const title = document.createElement("p");
    const strong = document.createElement("strong");
    strong.textContent = item.name;
    title.append(strong);
    details.replaceChildren(title, ...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
    details.hidden = false;
    mark();
  };

  const toggle = (at) => {
    const before = nodeOf(at).getBoundingClientRect();
    const willOpen = !opened.has(at);
    if (willOpen) opened.add(at);
    else opened.delete(at);
    draw();
    const node = nodeOf(at);
    const after = node.getBoundingClientRect();
    // What was clicked stays under the pointer.
    canvas.scrollLeft += after.left + after.width / 2 - before.left - before.width / 2;
    canvas.scrollTop += after.top - before.top;
    node.focus({ preventScroll: true });
    said.textContent = `${items[at].label} is ${willOpen ? "open" : "closed"}.`;
  };

  const act = (node) => {
    const at = Number(node.dataset.item);
    choose(at);
    if (items[at].kind === "block") toggle(at);
    else said.textContent = `${items[at].name} is described below.`;
  };

  const inTheMiddle = (node) => {
    const box = canvas.getBoundingClientRect(), place = node.getBoundingClientRect();
    canvas.scrollLeft += place.left + place.width / 2 - box.left - box.width / 2;
    canvas.scrollTop += place.top + place.height / 2 - box.top - box.height / 2;
  };

  const show = (at) => {
    for (const up of ancestors(at)) opened.add(up);
    if (scale < LEGIBLE) scale = LEGIBLE;
    draw();
    choose(at);
    const node = nodeOf(at);
    canvas.scrollIntoView({ block: "nearest" });
    inTheMiddle(node);
    node.focus({ preventScroll: true });
  };

  let drag = null;
  let moved = false;
  canvas.addEventListener("pointerdown", (event) => {
    moved = false;
    if (event.pointerType === "mouse" && event.button === 0) {
      drag = { x: event.clientX, y: event.clientY, left: canvas.scrollLeft, top: canvas.scrollTop };
    }
  });
  addEventListener("pointermove", (event) => {
    if (!drag) return;
    moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 4;
    if (!moved) return;
    canvas.classList.add("dragged");
    canvas.scrollLeft = drag.left - event.clientX + drag.x;
    canvas.scrollTop = drag.top - event.clientY + drag.y;
  });
  addEventListener("pointerup", () => {
    drag = null;
    canvas.classList.remove("dragged");
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(scale * Math.exp(-event.deltaY / 300));
  }, { passive: false });

  svg.addEventListener("click", (event) => {
    const node = event.target.closest(".node");
    if (node && !moved) act(node);
  });
  svg.addEventListener("keydown", (event) => {
    const node = event.target.closest(".node");
    if (!node || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    act(node);
  });

  const on = (id, action) => document.getElementById(id).addEventListener("click", action);
  on("smaller", () => zoom(scale / 1.25));
  on("larger", () => zoom(scale * 1.25));
  on("fit", () => zoom(fitting()));
  on("close-all", () => {
    opened.clear();
    draw();
    zoom(Math.max(LEGIBLE, fitting()));
    said.textContent = "All blocks are closed.";
  });
  on("show-layers", () => {
    opened.clear();
    for (const at of first) opened.add(at);
    draw();
    zoom(Math.max(LEGIBLE, fitting()));
    said.textContent = "The blocks with layers are open, as far as there is room.";
  });
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => show(Number(button.dataset.show)));
  }

  draw();
  zoom(Math.max(LEGIBLE, fitting()));
  const seen = (selector) => svg.querySelector(selector);
  const worst = seen(".status.error") ?? seen(".status.warning") ?? seen(".status") ?? seen(".node");
  if (worst) inTheMiddle(worst.closest(".node"));
  document.documentElement.dataset.drawing = "drawn";
})();
