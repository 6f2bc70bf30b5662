"use strict";
(() => {
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const NARROW = 560;
  const ROW = 19;
  const TALLEST = 680;
  const orders = new Map();

  // Tables

  const cellOf = (row, column) => row.children[column];

  const keyOf = (cell) => {
    if (!("value" in cell.dataset)) return cell.textContent.trim();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };

  const compared = (a, b) =>
    typeof a === "number" ? (a === b ? 0 : a - b) : a.localeCompare(b, undefined, { numeric: true });

  const arrange = (table, rows, said) => {
    table.tBodies[0].append(...rows);
    const status = document.getElementById(table.dataset.order);
    if (status) status.textContent = said;
    const reset = document.querySelector(`.reset[data-table="${table.id}"]`);
    if (reset) reset.hidden = !table.querySelector('th:not([aria-sort="none"])[aria-sort]');
    orders.set(table.id, rows.filter((row) => row.dataset.plotted).map((row) => Number(row.dataset.plotted)));
    for (const plot of plots) if (plot.table === table.id) draw(plot);
  };

  const sortBy = (table, heading) => {
    const button = heading.querySelector("button");
    const now = heading.getAttribute("aria-sort");
    const next = now === "none" ? button.dataset.first : now === "ascending" ? "descending" : "ascending";
    for (const each of table.tHead.querySelectorAll("[aria-sort]")) each.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", next);
    const column = [...heading.parentNode.children].indexOf(heading);
    const sign = next === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(cellOf(row, column)), row]);
    // What is not known stands at the end, whichever way the rest goes.
    rows.sort(([a], [b]) => (a === null ? (b === null ? 0 : 1) : b === null ? -1 : sign * compared(a, b)));
    const title = button.querySelector("abbr")?.title ?? button.textContent.trim();
    arrange(table, rows.map(([, row]) => row), `Sorted by ${title}, ${next}`);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const before = [...table.tBodies[0].rows];
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) sortBy(table, button.closest("th"));
    });
    document.querySelector(`.reset[data-table="${table.id}"]`)?.addEventListener("click", () => {
      for (const each of table.tHead.querySelectorAll("[aria-sort]")) each.setAttribute("aria-sort", "none");
      arrange(table, before, "Largest first");
      table.tHead.querySelector("button").focus();
    });
  }

  // Plots

  const shade = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // Plotly reads some HTML in texts.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  const shortened = (text, most) => {
    if (text.length <= most) return text;
    const left = Math.floor((most - 1) / 2);
    return `${text.slice(0, left)}…${text.slice(text.length - (most - 1 - left))}`;
  };

  const digits = (value) => (value === null ? "no number" : String(Number(value.toPrecision(3))));

  const layout = (height, margin, more) => ({
    height,
    margin: { t: 8, r: 12, b: 44, pad: 0, ...margin },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: shade("ink") },
    hoverlabel: { bgcolor: shade("raised"), bordercolor: shade("line"), font: { color: shade("ink") }, align: "left" },
    hovermode: "closest",
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    showlegend: false,
    ...more,
  });

  const axis = (title, more) => ({
    title: { text: title, standoff: 8, font: { size: 12, color: shade("muted") } },
    gridcolor: shade("line"),
    zeroline: false,
    linecolor: shade("line"),
    tickfont: { size: 11, color: shade("muted") },
    fixedrange: false,
    automargin: false,
    ...more,
  });

  const options = { displayModeBar: false, responsive: true, doubleClick: "reset", showTips: false, typesetMath: false };

  const drawLayers = (element, plot) => {
    const order = orders.get(plot.table) ?? plot.names.map((_, index) => index);
    const last = order.length - 1;
    const width = element.clientWidth;
    const stacked = width < NARROW;
    const dense = order.length * ROW > TALLEST;
    const rows = Math.max(Math.min(order.length * ROW, TALLEST), 3 * ROW);
    const names = order.map((index) => plain(shortened(plot.names[index], stacked ? 18 : 34)));
    const longest = Math.max(...order.map((index) => shortened(plot.names[index], stacked ? 18 : 34).length));
    const left = Math.min(longest * 6.4 + 18, width * (stacked ? 0.4 : 0.3));
    const height = stacked ? 2 * rows + 120 : rows + 56;
    const share = (rows + 8) / (height - 52);
    const traces = [];
    const axes = {};
    plot.panels.forEach((panel, number) => {
      const nth = number === 0 ? "" : String(number + 1);
      const where = { type: "scatter", xaxis: `x${nth}`, yaxis: `y${nth}` };
      const values = order.map((index) => panel.values[index]);
      const errors = order.map((index) => panel.errors[index] ?? 0);
      const levels = order.map((index) => panel.levels[index]);
      const most = 1.04 * Math.max(2 * Math.min(...levels), ...values.map((value, at) => (value === null ? 0 : value + errors[at])));
      const steps = levels.flatMap((level, at) => [[level, at - 0.5], [level, at + 0.5]]);
      traces.push({
        ...where, mode: "lines", hoverinfo: "skip", fill: "toself", fillcolor: shade("noise"), line: { width: 0 },
        x: [0, ...steps.map(([level]) => level), 0], y: [-0.5, ...steps.map(([, at]) => at), last + 0.5],
      });
      for (const over of [false, true]) {
        const chosen = order.map((_, at) => at).filter((at) => (values[at] === null || values[at] > levels[at]) === over);
        const colour = shade(over ? "error" : "accent");
        traces.push({
          ...where, mode: "markers", name: over ? "over the noise level" : "within the noise level", cliponaxis: false,
          x: chosen.map((at) => values[at] ?? most / 1.02), y: chosen,
          error_x: { type: "data", array: chosen.map((at) => errors[at]), color: colour, thickness: 1.2, width: 0 },
          marker: {
            size: dense ? 5 : 8, color: colour, line: { width: dense ? 1 : 1.5, color: colour },
            symbol: chosen.map((at) => (values[at] === null ? "x-thin" : over ? "circle" : "circle-open")),
          },
          hoverinfo: "text",
          hovertext: chosen.map((at) => `<b>${plain(plot.names[order[at]])}</b><br>${panel.title}: ${digits(values[at])}` +
            `${values[at] === null ? "" : ` ± ${digits(errors[at])}`}<br>noise level: ${digits(levels[at])}`),
        });
      }
      const domain = stacked ? [0, 1] : number === 0 ? [0, 0.485] : [0.515, 1];
      axes[`xaxis${nth}`] = axis(panel.title, { domain, range: [-0.015 * most, most], anchor: `y${nth}`, nticks: 6 });
      axes[`yaxis${nth}`] = axis(undefined, {
        domain: stacked ? (number === 0 ? [1 - share, 1] : [0, share]) : [0, 1],
        anchor: `x${nth}`,
        range: [last + 0.5, -0.5],
        showgrid: !dense,
        ticks: "outside", ticklen: 4, tickcolor: "rgba(0,0,0,0)",
        ...(number > 0 ? { matches: "y", showticklabels: stacked } : {}),
        ...ticks(names, 0, last, rows),
      });
    });
    element.style.minHeight = `${height}px`;
    element.renamed = (first, end) => ticks(names, Math.max(0, Math.ceil(first)), Math.min(last, Math.floor(end)), rows);
    return Plotly.react(element, traces, layout(height, { l: left }, axes), options).then(() => listen(element));
  };

  // After a zoom there is room for other names.
  const listen = (element) => {
    if (element.listens) return;
    element.listens = true;
    element.on("plotly_relayout", (changed) => {
      if (!Object.keys(changed).some((key) => /^yaxis2?\.(range|autorange)/.test(key))) return;
      const [end, first] = element.layout.yaxis.range;
      const { tickvals, ticktext } = element.renamed(first, end);
      Plotly.relayout(element, {
        "yaxis.tickvals": tickvals, "yaxis.ticktext": ticktext, "yaxis2.tickvals": tickvals, "yaxis2.ticktext": ticktext,
      });
    });
  };

  // As many names as can be read.
  const ticks = (names, first, last, room) => {
    const every = Math.max(1, Math.ceil(((last - first + 1) * 15) / room));
    const tickvals = [];
    for (let at = first; at <= last; at += every) tickvals.push(at);
    return { tickmode: "array", tickvals, ticktext: tickvals.map((at) => names[at]) };
  };

  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

  const drawSteps = (element, plot) => {
    const width = element.clientWidth;
    const most = width < NARROW ? 30 : 44;
    const traces = [];
    const shapes = [];
    if (plot.band) {
      const grey = { type: "scatter", mode: "lines", hoverinfo: "skip", x: plot.band.x, showlegend: false };
      traces.push({ ...grey, y: plot.band.low, line: { width: 0 } });
      traces.push({ ...grey, y: plot.band.high, line: { width: 0 }, fill: "tonexty", fillcolor: shade("band") });
      traces.push({ ...grey, y: plot.band.middle, line: { width: 1.5, color: shade("muted") }, name: "median" });
    }
    plot.lines.forEach((line, index) => traces.push({
      type: "scatter", mode: line.x.length > 1 ? "lines" : "markers", x: line.x, y: line.y,
      name: plain(shortened(line.name, most)),
      line: { width: 1.75, color: shade(`line${index}`), dash: DASHES[index] },
      marker: { color: shade(`line${index}`) },
      hoverinfo: "text",
      hovertext: line.x.map((x, at) => `<b>${plain(line.name)}</b><br>step ${x}: ${digits(line.y[at])}`),
    }));
    if (plot.level) {
      shapes.push({ type: "rect", xref: "paper", x0: 0, x1: 1, y0: 0, y1: plot.level, fillcolor: shade("noise"), line: { width: 0 }, layer: "below" });
    }
    for (const each of plot.warned) {
      shapes.push({ type: "line", x0: each.step, x1: each.step, yref: "paper", y0: 0, y1: 1, line: { width: 1, dash: "dot", color: shade("error") } });
    }
    const annotations = plot.warned.slice(0, 6).map((each, index) => ({
      x: each.step, yref: "paper", y: 1 - 0.09 * index, text: plain(each.text), showarrow: false, xanchor: "left", yanchor: "top",
      font: { size: 11, color: shade("error") },
    }));
    const entry = Math.min(44 + 6.6 * Math.max(...plot.lines.map((line) => Math.min(line.name.length, most))), width - 60);
    const legend = 21 * Math.ceil(plot.lines.length / Math.max(1, Math.floor((width - 60) / entry)));
    const height = 270 + legend;
    element.style.minHeight = `${height}px`;
    return Plotly.react(element, traces, layout(height, { l: 52, b: 52 + legend }, {
      shapes, annotations,
      showlegend: true,
      legend: {
        orientation: "h", traceorder: "normal", entrywidth: entry - 40, x: 0, xanchor: "left", y: -50 / (height - 60 - legend), yanchor: "top",
        font: { size: 12 }, itemclick: false, itemdoubleclick: false, bgcolor: "rgba(0,0,0,0)",
      },
      xaxis: axis("step", { tickformat: ",d", nticks: Math.floor(width / 80), range: [0, 1.01 * Math.max(1, ...plot.lines.flatMap((line) => line.x))] }),
      yaxis: axis(plot.title, { rangemode: "tozero" }),
    }), options);
  };

  const draw = (plot) => {
    const element = document.getElementById(plot.target);
    if (!window.Plotly || !element) return null;
    return (plot.kind === "layers" ? drawLayers : drawSteps)(element, plot);
  };

  const drawAll = () => Promise.all(plots.map(draw));

  const unpacked = async () => {
    const text = document.getElementById("plotly").textContent.trim();
    const packed = Uint8Array.fromBase64?.(text) ?? Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const url = URL.createObjectURL(new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }));
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = url;
      script.onload = resolve;
      script.onerror = () => reject(new Error("the plots cannot be drawn by this browser"));
      document.head.append(script);
    });
    URL.revokeObjectURL(url);
  };

  const begin = async () => {
    try {
      await unpacked();
      await drawAll();
      performance.mark("plots-drawn");
      document.documentElement.dataset.plots = "drawn";
    } catch (error) {
      // Everything that would be plotted stands in the tables, too.
      for (const plot of plots) document.getElementById(plot.target).closest("figure").hidden = true;
      document.documentElement.dataset.plots = "failed";
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    let stacked = innerWidth < NARROW;
    addEventListener("resize", () => {
      if (stacked !== innerWidth < NARROW) drawAll();
      stacked = innerWidth < NARROW;
    });
  };

  // The text is shown first.
  if (plots.length) requestAnimationFrame(() => setTimeout(begin));
})();
