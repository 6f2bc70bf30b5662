"use strict";
// From the drawing as plain values to a picture: which blocks are open decides what is seen, dagre where it stands.
// Needs no browser.
const drawing = (() => {
  const CONTROL = 1, PATH = 2, MISSING = 4, SHARED = 8, BACKWARD = 16;
  const LINE = 16;
  const LETTER = 7.2;
  const LONGEST = 34;
  const MANY = 6;
  const MARKS = { error: "\u2715", warning: "!", healthy: "\u2713", unknown: "?" };
  const ORDER = ["error", "warning", "healthy", "unknown"];

  const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

  const escaped = (text) =>
    String(text).replace(/[&<>"']/g, (each) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[each]);

  const shortened = (text, most = LONGEST) => {
    if (text.length <= most) return text;
    const left = Math.floor((most - 1) / 2);
    return `${text.slice(0, left)}\u2026${text.slice(text.length - (most - 1 - left))}`;
  };

  const widthOf = (kind) => (kind.includes("strong") ? 7.7 : kind.startsWith("status") ? 6.9 : kind === "name" ? 6.9 : 6.6);

  const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  // By item: the normalization layers in it, by health, and their names.
  const layersIn = (items) => {
    const found = items.map(() => null);
    items.forEach((item) => {
      if (!item.health) return;
      for (let at = item.parent; at >= 0; at = items[at].parent) {
        found[at] ??= { counts: {}, names: [] };
        found[at].counts[item.health] = (found[at].counts[item.health] ?? 0) + 1;
        found[at].names.push(item.layer);
      }
    });
    return found;
  };

  // A layer that is used twice is two nodes.
  const layerOf = (item) => `${item.layer}${item.call ? `, call ${item.call}` : ""}`;

  const status = (item) => `${MARKS[item.health]} ${item.health}${item.codes ? ` ${item.codes.join(" ")}` : ""}`;

  const inside = (layers) =>
    ORDER.filter((health) => layers.counts[health]).map((health) => `${MARKS[health]} ${layers.counts[health]} ${health}`).join(", ");

  const linesOf = (item, layers, unseen) => {
    const lines = [[item.health ? "name strong" : "name", item.health ? layerOf(item) : item.label]];
    if (item.kind === "train") lines.push(["small", "train op"]);
    else if (item.kind === "block") lines.push(["small", counted(item.size ?? 0, "node")]);
    else if (item.op && item.op !== item.label) lines.push(["small", [item.op, item.shape].filter(Boolean).join(" ")]);
    if (item.health) lines.push([`status ${item.health}`, status(item)]);
    else if (layers) lines.push([`status ${ORDER.find((each) => layers.counts[each])}`, inside(layers)]);
    if (item.note) lines.push(["note", `\u2298 ${item.note}`]);
    if (unseen) lines.push(["small", unseen]);
    if (item.kind === "block") lines[0][1] = `+ ${shortened(lines[0][1])}`;
    return lines.map(([kind, text]) => [kind, shortened(text, LONGEST + 2)]);
  };

  const spoken = (item, layers, unseen) => [
    item.health ? `normalization layer ${layerOf(item)}, ${item.health}${item.codes ? ` ${item.codes.join(" ")}` : ""}` : item.name,
    item.kind === "block" ? `block of ${counted(item.size ?? 0, "node")}` : item.kind === "train" ? "train op" : item.op,
    item.shape && `shape ${item.shape}`,
    layers && `holds ${counted(layers.names.length, "normalization layer")}: ${ORDER.filter((each) => layers.counts[each]).map((each) => `${layers.counts[each]} ${each}`).join(", ")}`,
    item.note,
    unseen,
  ].filter(Boolean).join(", ");

  // Edges between what is seen: those of closed blocks are joined.
  const seenEdges = (model, shownAs) => {
    const found = new Map();
    for (const [from, to, shape, kind] of model.edges) {
      const source = shownAs[from], target = shownAs[to];
      if (source === target) continue;
      const special = kind & (MISSING | SHARED);
      const key = `${source} ${target} ${special}`;
      let edge = found.get(key);
      if (!edge) found.set(key, (edge = { source, target, kind: special, shapes: new Set(), count: 0, data: 0, forward: 0 }));
      edge.count += 1;
      edge.kind |= kind & PATH;
      if (!(kind & CONTROL)) edge.data += 1;
      if (!(kind & BACKWARD)) edge.forward += 1;
      if (shape) edge.shapes.add(shape);
    }
    return [...found.values()];
  };

  // What everything reads, as the mode, and what reads everything, as the derivatives, would cover all else with lines.
  const withoutHubs = (items, edges) => {
    const unseen = new Map();
    const plain = edges.filter((edge) => !edge.kind);
    const groups = (end) => {
      const by = new Map();
      for (const edge of plain) by.set(edge[end], [...(by.get(edge[end]) ?? []), edge]);
      return by;
    };
    const hidden = new Set();
    const hide = (at, some, word) => {
      some.forEach((edge) => hidden.add(edge));
      unseen.set(at, [...(unseen.get(at) ?? []), `${word} ${some.length} more`]);
    };
    for (const [at, all] of groups("target")) {
      const some = all.filter((edge) => !edge.forward);
      if (some.length > MANY) hide(at, some, "reads");
    }
    for (const [at, all] of groups("source")) {
      const back = all.filter((edge) => !edge.forward && !hidden.has(edge));
      if (back.length > MANY) hide(at, back, "feeds");
      const rest = all.filter((edge) => edge.forward);
      const small = rest.filter((edge) => edge.data && [...edge.shapes].every((shape) => shape === "scalar"));
      const most = items[at].kind === "input" ? MANY : 3 * MANY;
      const some = rest.length > most ? rest : small.length > MANY / 2 ? small : [];
      if (some.length) hide(at, some, "feeds");
    }
    return { edges: edges.filter((edge) => !hidden.has(edge)), unseen };
  };

  const labelOf = (edge) => {
    if (edge.kind & MISSING) return edge.count > 1 ? `never run (${edge.count})` : "never run";
    if (edge.kind & PATH) return "runs updates";
    const shapes = [...edge.shapes];
    return shapes.length > 1 ? `${shortened(shapes[0], 20)} +${shapes.length - 1}` : shortened(shapes[0] ?? "", 24);
  };

  // Where a curve passes the place that was kept for its label.
  const onCurve = (points, { x, y }) => {
    if (points.length < 3 || x === undefined) return points[Math.floor(points.length / 2)];
    const far = (point) => Math.hypot(point.x - x, point.y - y);
    let best = 1;
    for (let at = 2; at < points.length - 1; at += 1) if (far(points[at]) < far(points[best])) best = at;
    const start = best === 1 ? points[0] : middle(points[best - 1], points[best]);
    const end = best === points.length - 2 ? points[best + 1] : middle(points[best], points[best + 1]);
    return { x: (start.x + 2 * points[best].x + end.x) / 4, y: (start.y + 2 * points[best].y + end.y) / 4 };
  };

  // Where everything stands, if these blocks are open.
  const arrange = (model, opened) => {
    const { items } = model;
    const shown = [], shownAs = [];
    items.forEach((item, at) => {
      shown[at] = item.parent < 0 || (shown[item.parent] && opened.has(item.parent));
      shownAs[at] = shown[at] ? at : shownAs[item.parent];
    });
    const isOpen = (at) => items[at].kind === "block" && opened.has(at);
    const layers = layersIn(items);
    const { edges, unseen } = withoutHubs(items, seenEdges(model, shownAs));
    const graph = new dagre.graphlib.Graph({ compound: true, multigraph: true });
    graph.setGraph({ nodesep: 22, edgesep: 12, ranksep: 34, marginx: 16, marginy: 16 });
    graph.setDefaultEdgeLabel(() => ({}));
    const nodes = [];
    items.forEach((item, at) => {
      if (!shown[at]) return;
      if (isOpen(at)) {
        graph.setNode(String(at), {});
        nodes.push({ at, item, open: true, layers: layers[at], unseen: "" });
      } else {
        const more = (unseen.get(at) ?? []).join(", ");
        const lines = linesOf(item, layers[at], more);
        const longest = Math.max(...lines.map(([kind, text]) => text.length * widthOf(kind)));
        graph.setNode(String(at), { width: Math.ceil(longest) + 26, height: lines.length * LINE + 12 });
        nodes.push({ at, item, open: false, layers: layers[at], lines, unseen: more });
      }
      if (item.parent >= 0) graph.setParent(String(at), String(item.parent));
    });
    edges.forEach((edge, at) => {
      if (edge.kind & SHARED) return;
      const label = labelOf(edge);
      graph.setEdge(String(edge.source), String(edge.target), {
        width: label ? label.length * 6 + 8 : 0, height: label ? 14 : 0, labelpos: "c", weight: edge.kind & MISSING ? 1 : 2,
      }, String(at));
    });
    dagre.layout(graph);
    for (const node of nodes) {
      const { x, y, width, height } = graph.node(String(node.at));
      Object.assign(node, { x, y, width, height });
    }
    const of = new Map(nodes.map((node) => [node.at, node]));
    const lines = edges.map((edge, at) => {
      if (edge.kind & SHARED) {
        const [a, b] = [of.get(edge.source), of.get(edge.target)];
        const bend = { x: Math.max(a.x + a.width / 2, b.x + b.width / 2) + 40, y: (a.y + b.y) / 2 };
        return { ...edge, label: "same statistics", points: [{ x: a.x + a.width / 2, y: a.y }, bend, { x: b.x + b.width / 2, y: b.y }], ...bend };
      }
      const { points, x, y } = graph.edge(String(edge.source), String(edge.target), String(at));
      return { ...edge, label: labelOf(edge), points, ...onCurve(points, { x, y }) };
    });
    // A reader hears first what stands first.
    const depth = (at) => (at < 0 ? 0 : 1 + depth(items[at].parent));
    nodes.sort((a, b) => (a.open === b.open ? 0 : a.open ? -1 : 1) || (a.open ? depth(a.at) - depth(b.at) : a.y - b.y || a.x - b.x));
    const right = Math.max(0, ...lines.filter((each) => each.kind & SHARED).map((each) => each.x + 60));
    const { width = 0, height = 0 } = graph.graph();
    return { nodes, lines, width: Math.ceil(Math.max(width, right, 40)), height: Math.ceil(Math.max(height, 40)) };
  };

  const round = (value) => Math.round(value * 10) / 10;

  const curve = (points) => {
    const at = ({ x, y }) => `${round(x)},${round(y)}`;
    const parts = [`M${at(points[0])}`];
    for (let i = 1; i < points.length - 1; i += 1) {
      const end = i === points.length - 2 ? points[i + 1] : middle(points[i], points[i + 1]);
      parts.push(`Q${at(points[i])} ${at(end)}`);
    }
    if (points.length === 2) parts.push(`L${at(points[1])}`);
    return parts.join(" ");
  };

  const KINDS = [[MISSING, "missing"], [SHARED, "shared"], [PATH, "path"]];
  const kindOf = (line) => KINDS.find(([bit]) => line.kind & bit)?.[1] ?? (line.data ? (line.forward ? "data" : "backward") : "control");

  const paintLine = (line, items) => {
    const kind = kindOf(line);
    const names = [line.source, line.target].map((at) => items[at].layer ?? items[at].name);
    const between = kind === "missing" ? `missing: ${names[1]} never runs the updates in ${names[0]}` : kind === "shared"
      ? `${names.join(" and ")} share their statistics` : `${names[0]} to ${names[1]}${line.shapes.size ? `: ${[...line.shapes].slice(0, 8).join(", ")}` : ""}`;
    const arrow = kind === "shared" ? "" : ` marker-end="url(#arrow-${kind})"`;
    const label = line.label ? `<text x="${round(line.x)}" y="${round(line.y) + 4}">${escaped(line.label)}</text>` : "";
    return `<g class="line ${kind}"><title>${escaped(between)}</title><path d="${curve(line.points)}"${arrow}/>${label}</g>`;
  };

  const paintNode = (node, active) => {
    const { at, item, open, layers, x, y, width, height } = node;
    const left = round(x - width / 2), top = round(y - height / 2);
    const isBlock = item.kind === "block";
    const said = spoken(item, layers, node.unseen);
    const health = item.health ? ` site ${item.health}` : "";
    const role = active ? ` role="button" tabindex="0" aria-label="${escaped(said)}"${isBlock ? ` aria-expanded="${open}"` : ""}` : "";
    const names = layers && !open ? `\n${layers.names.join("\n")}` : "";
    const title = `<title>${escaped(said + names)}</title>`;
    if (open) {
      const text = `\u2212 ${shortened(item.health ? `${layerOf(item)}  ${status(item)}` : item.label, Math.max(6, Math.floor(width / LETTER) - 4))}`;
      return `<g class="frame${health}"><rect x="${left}" y="${top}" width="${round(width)}" height="${round(height)}" rx="6"/>` +
        `<g class="node head" data-item="${at}"${role}>${title}<rect x="${left}" y="${top}" width="${Math.min(round(width), Math.ceil(text.length * LETTER) + 16)}" height="20" rx="6"/>` +
        `<text class="name${item.health ? " strong" : ""}" x="${left + 8}" y="${top + 14}">${escaped(text)}</text></g></g>`;
    }
    const corner = isBlock ? 6 : item.kind === "variable" ? 2 : height / 2 > 20 ? 14 : height / 2;
    const texts = node.lines.map(([kind, text], number) =>
      `<text class="${kind}" x="${round(x)}" y="${round(top + 6 + LINE * number + 12)}">${escaped(text)}</text>`).join("");
    const note = item.note ? " noted" : "";
    return `<g class="node ${item.kind}${health}${note}" data-item="${at}"${role}>${title}` +
      `<rect x="${left}" y="${top}" width="${round(width)}" height="${round(height)}" rx="${round(corner)}"/>${texts}</g>`;
  };

  const ARROWS = ["data", "backward", "control", "path", "missing"].map((kind) =>
    `<marker id="arrow-${kind}" class="arrow ${kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z"/></marker>`).join("");

  // The inside of the picture; `active` for one that is clicked in.
  const paint = (scene, items, active) => {
    const frames = scene.nodes.filter((node) => node.open), rest = scene.nodes.filter((node) => !node.open);
    return `<defs>${ARROWS}</defs>${frames.map((node) => paintNode(node, active)).join("")}` +
      `${scene.lines.map((line) => paintLine(line, items)).join("")}${rest.map((node) => paintNode(node, active)).join("")}`;
  };

  // A whole file.
  const picture = (model, opened, title, style) => {
    const scene = arrange(model, new Set(opened));
    return `<svg xmlns="http://www.w3.org/2000/svg" class="network" role="img" aria-label="${escaped(title)}" width="${scene.width}" height="${scene.height}" ` +
      `viewBox="0 0 ${scene.width} ${scene.height}"><title>${escaped(title)}</title><style>${style}</style>` +
      `<rect class="paper" width="100%" height="100%"/>${paint(scene, model.items, false)}</svg>`;
  };

  return { arrange, paint, picture, status, MISSING, SHARED };
})();
