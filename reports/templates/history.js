"use strict";
// Charts of the history: each is drawn when it comes into view. A chart is a slider for the keyboard: arrows walk through
// the nights, and what is known of the night stands below it and in its value for screen readers.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const figures = [...document.querySelectorAll("figure[data-index]")];
  const charts = new Map();
  const root = document.documentElement;
  const RECENT = 14, DAY = 86400, LEAST_DAYS = 6;
  const STEPS = [1, 2, 4, 7, 14, 30, 61, 91, 182, 365, 730, 1826].map((days) => days * DAY);
  const percent = (ratio) => ratio === null ? "—" : `${ratio >= 1 ? "+" : "−"}${Math.abs(100 * (ratio - 1)).toFixed(1)} %`;
  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const ratios = (values) => values.map((value) => value === null ? null : value / data.scale);
  const font = () => `11px ${getComputedStyle(document.body).fontFamily}`;

  function interval(series, at) {
    const [low, high] = [series.lo[at], series.hi[at]];
    return low === null || high === null ? "" : `${percent(low / data.scale)} to ${percent(high / data.scale)}`;
  }

  function words(series, at) {
    const text = (column) => data.texts[series[column][at]];
    const change = series.changes.find((one) => one.first <= at && at <= one.last);
    const segment = series.segments.find(([start]) => start === at);
    return {
      head: `${day(series.t[at])}: ${percent(series.r[at] / data.scale)}`,
      rest: [
        interval(series, at), text("verdict"), change && `change: ${change.words}`, segment && `new segment: ${segment[1]}`,
        text("cause"), `run ${text("run")}`, text("reference") && `reference ${text("reference")}`, text("stamps"),
      ].filter(Boolean).join(" · "),
    };
  }

  // ---- drawing -------------------------------------------------------------------------------------------------------

  function marks(u, series) {
    const { ctx, bbox } = u, ratio = devicePixelRatio;
    const x = (at) => u.valToPos(series.t[at], "x", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.strokeStyle = colour("edge");
    ctx.lineWidth = ratio;
    const zero = Math.round(u.valToPos(0, "y", true)) + 0.5;
    ctx.strokeRect(bbox.left - 9, zero, bbox.width + 18, 0);
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.strokeStyle = colour("soft");
    for (const [start] of series.segments) {
      const place = Math.round((x(start - 1) + x(start)) / 2) + 0.5;
      ctx.strokeRect(place, bbox.top - 9, 0, bbox.height + 18);
    }
    ctx.setLineDash([]);
    ctx.font = `${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textBaseline = "top";
    ctx.textAlign = "left";
    outside(u, series, ctx, ratio);
    for (const change of series.changes) range(ctx, bbox, x(change.first), x(change.last), change, ratio);
    ctx.restore();
  }

  function outside(u, series, ctx, ratio) {
    const { top, height } = u.bbox, { min, max } = u.scales.y;
    ctx.fillStyle = colour("c0");
    series.r.forEach((value, at) => {
      const change = 100 * (value / data.scale - 1);
      if (change >= min && change <= max) return;
      const x = u.valToPos(series.t[at], "x", true), sign = change > max ? 1 : -1, tip = sign > 0 ? top : top + height;
      ctx.beginPath();
      ctx.moveTo(x, tip);
      ctx.lineTo(x - 4 * ratio, tip + sign * 7 * ratio);
      ctx.lineTo(x + 4 * ratio, tip + sign * 7 * ratio);
      ctx.fill();
    });
  }

  function range(ctx, bbox, from, to, change, ratio) {
    const wide = Math.max(to - from, 3 * ratio), left = from - (wide - (to - from)) / 2;
    ctx.strokeStyle = ctx.fillStyle = colour(change.worse ? "red" : "ok");
    ctx.lineWidth = 1.2 * ratio;
    ctx.strokeRect(left, bbox.top + ratio, wide, bbox.height - 2 * ratio);
    const text = `${change.worse ? "▲" : "▼"} ${change.label}`, room = ctx.measureText(text).width + 6 * ratio;
    ctx.fillText(text, left + wide + room > bbox.left + bbox.width ? left - room : left + wide + 4 * ratio, bbox.top + 3 * ratio);
  }

  // All of the last nights, and all but the wildest of those before: what lies outside is an arrow at the edge.
  function bounds(series) {
    const values = series.r.map((value) => 100 * (value / data.scale - 1)), sorted = [...values].sort((a, b) => a - b);
    const quantile = (share) => sorted[Math.round(share * (sorted.length - 1))];
    const low = Math.min(quantile(0.08), ...values.slice(-RECENT)), high = Math.max(quantile(0.92), ...values.slice(-RECENT));
    const span = Math.max(high - low, 4), middle = (low + high) / 2;
    return [Math.min(middle - 0.75 * span, -1), Math.max(middle + 0.75 * span, 1)];
  }

  // A few nights fill the axis by days: left to itself it shows one night amid years.
  function span(series) {
    const first = series.t[0], last = series.t[series.t.length - 1], margin = Math.max(0, (LEAST_DAYS * DAY - (last - first)) / 2);
    return [first - margin, last + margin];
  }

  function options(series, width, height, moved) {
    const axis = () => ({ stroke: () => colour("soft"), font: font(), grid: { stroke: () => colour("line"), width: 1 }, ticks: { show: false } });
    return {
      width, height, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "UTC"), legend: { show: false },
      padding: [8, 34, 0, 0], cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: { x: { range: span(series) }, y: { range: bounds(series) } },
      axes: [{ ...axis(), space: 84, incrs: STEPS, values: (_, ticks) => ticks.map(day) }, { ...axis(), size: 52, values: (_, ticks) => ticks.map((tick) => `${tick > 0 ? "+" : tick < 0 ? "−" : ""}${+Math.abs(tick).toFixed(2)} %`) }],
      series: [
        {},
        { points: { show: false }, stroke: "transparent" },
        { points: { show: false }, stroke: "transparent" },
        { stroke: () => colour("c0"), width: 1.4, points: { size: 4, show: series.t.length < 120 }, spanGaps: true },
      ],
      bands: [{ series: [1, 2], fill: () => colour("band") }],
      hooks: { draw: [(u) => marks(u, series)], setCursor: [(u) => moved(u.cursor.idx)] },
    };
  }

  // ---- one chart -----------------------------------------------------------------------------------------------------

  function draw(figure) {
    if (charts.has(figure)) return;
    const series = data.series[figure.dataset.index], place = figure.querySelector(".chart");
    if (!series.t.length) return;
    const shown = { at: series.t.length - 1 };
    const tell = (at) => {
      if (at === null || at === undefined) return;
      shown.at = at;
      const told = words(series, at), readout = figure.querySelector(".readout");
      const head = Object.assign(document.createElement("b"), { textContent: told.head });
      readout.replaceChildren(head, ` · ${told.rest}`);
      place.setAttribute("aria-valuenow", String(at + 1));
      place.setAttribute("aria-valuetext", `${told.head} · ${told.rest}`);
    };
    const change = (values) => ratios(values).map((value) => value === null ? null : 100 * (value - 1));
    const columns = [series.t, change(series.hi), change(series.lo), change(series.r)];
    const chart = new uPlot(options(series, place.clientWidth, place.clientHeight, tell), columns, place);
    charts.set(figure, chart);
    slider(place, series, chart, shown);
    tell(shown.at);
    new ResizeObserver(() => {
      if (place.clientWidth && place.clientWidth !== chart.width) chart.setSize({ width: place.clientWidth, height: place.clientHeight });
    }).observe(place);
  }

  function slider(place, series, chart, shown) {
    const last = series.t.length - 1;
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7, Home: -Infinity, End: Infinity };
    place.addEventListener("keydown", (event) => {
      if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      const at = Math.min(last, Math.max(0, shown.at + steps[event.key]));
      chart.setCursor({ left: chart.valToPos(series.t[at], "x"), top: 10 });
      shown.at = at;
    });
  }

  function prepare(figure) {
    const place = figure.querySelector(".chart"), series = data.series[figure.dataset.index];
    if (!series.t.length) return;
    place.hidden = figure.querySelector(".readout").hidden = false;
    const attributes = {
      tabindex: 0, role: "slider", "aria-label": `Nights of ${place.dataset.name}`, "aria-valuemin": 1, "aria-valuemax": series.t.length,
      "aria-valuenow": series.t.length, "aria-valuetext": words(series, series.t.length - 1).head,
    };
    for (const [name, value] of Object.entries(attributes)) place.setAttribute(name, String(value));
    figure.querySelector("details").addEventListener("toggle", () => table(figure, series), { once: true });
  }

  function table(figure, series) {
    const text = (column, at) => data.texts[series[column][at]];
    const rows = series.t.map((_, at) => {
      const row = document.createElement("tr");
      const cells = [day(series.t[at]), percent(series.r[at] / data.scale), interval(series, at) || "—", text("verdict", at), text("run", at)];
      row.append(...cells.map((cell) => Object.assign(document.createElement("td"), { textContent: cell })));
      return row;
    });
    figure.querySelector("tbody").replaceChildren(...rows.reverse());
  }

  // ---- all charts ----------------------------------------------------------------------------------------------------

  function redraw() {
    for (const chart of charts.values()) chart.redraw(false, true);
  }

  function filter() {
    const asked = document.getElementById("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const state = document.getElementById("state").value;
    let count = 0;
    for (const figure of figures) {
      const text = `${figure.querySelector("figcaption").textContent} ${figure.closest(".models").firstElementChild.textContent}`.toLowerCase();
      figure.hidden = !asked.every((word) => text.includes(word)) || (state !== "" && figure.dataset.state !== state);
      count += !figure.hidden;
    }
    for (const group of document.querySelectorAll(".charts, .models")) group.hidden = !group.querySelector("figure:not([hidden])");
    document.getElementById("shown").textContent = `${count.toLocaleString("en")} of ${figures.length.toLocaleString("en")} series`;
  }

  if (!figures.length) return;
  document.getElementById("static").hidden = true;
  document.getElementById("filters").hidden = false;
  figures.forEach(prepare);
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { draw(entry.target); seen.unobserve(entry.target); }
  }, { rootMargin: "300px" });
  for (const figure of figures) seen.observe(figure);
  document.getElementById("find").addEventListener("input", filter);
  document.getElementById("state").addEventListener("change", filter);
  filter();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => { root.classList.add("printing"); figures.forEach(draw); redraw(); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); redraw(); });
})();
