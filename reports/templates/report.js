"use strict";
(async () => {
  const table = document.getElementById("table");
  if (!table) return;
  const data = await read(document.getElementById("data"));
  const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu;
  // Rows laid out at once: a browser needs seconds for thousands, and a reader a long way down a phone.
  const STEP = matchMedia("(max-width: 760px)").matches ? 50 : 300;
  const LONG = 22;  // letters from which a name may wrap
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const latency = heads.findIndex((head) => head.dataset.key === "latency_p50_ms");
  const chips = [...document.querySelectorAll("#chips button")];
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const rest = document.getElementById("rest");
  const printed = document.getElementById("printed");
  const state = { sort: "", desc: false, q: "", show: new Set(), limit: STEP };
  const keys = new Set(heads.map((head) => head.dataset.key));
  const all = Array.from({ length: data.rows }, (_, index) => index);
  const elements = new Map();
  let found = all, texts = null;

  async function read(element) {
    if (!element.dataset.packed) return JSON.parse(element.textContent);
    const bytes = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream(element.dataset.packed))).json();
  }

  function unpacked(column) {
    if (Array.isArray(column)) return column;
    if ("all" in column) return all.map(() => column.all);
    const wide = column.at.length > data.rows;
    const code = (at) => LETTERS.indexOf(column.at[at]);
    return all.map((index) => column.of[wide ? 64 * code(2 * index) + code(2 * index + 1) : code(index)]);
  }

  const unpacking = new Map();
  function values(column) {
    if (!unpacking.has(column)) unpacking.set(column, unpacked(column));
    return unpacking.get(column);
  }
  const value = (name, index) => values(data.columns[name])[index];
  const cells = (index) => data.cells.map((column) => values(column)[index]);
  const visible = (text) => text.replace(HIDDEN, "\ufffd");

  function make(tag, properties) {
    return Object.assign(document.createElement(tag), properties);
  }

  function outcome(index) {
    const [glyph, word] = data.words[value("outcome", index)];
    const cell = make("td");
    cell.append(make("i", { textContent: glyph }), word);
    const reasons = values(data.reasons)[index];
    if (reasons) cell.append(make("small", { textContent: reasons }));
    return cell;
  }

  function laidOut(index) {
    const row = make("tr", { id: `r${index}`, className: `${value("outcome", index)}${values(data.quotable)[index] ? "" : " u"}` });
    cells(index).forEach((text, column) => {
      const cell = make("td", { textContent: text });
      if (column < data.names && text.length > LONG) cell.className = "l";
      if (text === "—") cell.className = "none";
      row.append(cell);
    });
    const bar = values(data.bars)[index];
    if (bar !== null) row.cells[latency].style.setProperty("--w", `${bar}%`);
    row.append(outcome(index));
    return row;
  }

  function element(index) {
    if (!elements.has(index)) elements.set(index, openable(laidOut(index), index));
    return elements.get(index);
  }

  function openable(row, index) {
    const more = make("button", { type: "button", className: "more", textContent: "›" });
    more.setAttribute("aria-expanded", "false");
    more.setAttribute("aria-label", `All figures of ${cells(index).slice(0, data.names).join(" ")}`);
    more.addEventListener("click", () => toggle(row, index, more));
    row.cells[0].prepend(more);
    return row;
  }

  function compare(name, sign) {
    const column = values(data.columns[name]);
    return (a, b) => {
      const x = column[a], y = column[b];
      if (x === null || x === "" || y === null || y === "") {
        return (x === null || x === "") - (y === null || y === "") || a - b;
      }
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en");
      return sign * order || a - b;
    };
  }

  function closeDetails() {
    for (const detail of body.querySelectorAll(".detail")) detail.remove();
    for (const more of body.querySelectorAll(".more[aria-expanded=true]")) more.setAttribute("aria-expanded", "false");
  }

  function matching(words) {
    texts ??= all.map((index) => `${cells(index).join("\n")}\n${data.words[value("outcome", index)][1]}\n${values(data.reasons)[index]}`.toLowerCase());
    return all.filter((index) => words.every((word) => texts[index].includes(word)));
  }

  function show() {
    closeDetails();
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    found = words.length ? matching(words) : all;
    if (state.show.size) found = found.filter((index) => state.show.has(value("outcome", index)));
    if (state.sort) found = [...found].sort(compare(state.sort, state.desc ? -1 : 1));
    body.replaceChildren(...found.slice(0, state.limit).map(element));
    const count = found.length;
    for (const head of heads) {
      if (head.dataset.key !== state.sort) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", state.desc ? "descending" : "ascending");
    }
    for (const chip of chips) chip.setAttribute("aria-pressed", String(state.show.has(chip.dataset.outcome)));
    shown.textContent = `${count.toLocaleString("en")} of ${data.rows.toLocaleString("en")} rows`;
    rest.hidden = count <= state.limit;
    rest.textContent = `Show all ${count.toLocaleString("en")} rows, not only the first ${state.limit}`;
    printed.textContent = count <= state.limit ? "" : `The first ${state.limit} of ${count.toLocaleString("en")} rows; summary.csv beside this page has them all.`;
  }

  function remember() {
    const parts = new URLSearchParams();
    if (state.sort) parts.set("sort", state.sort);
    if (state.desc) parts.set("desc", "1");
    if (state.q) parts.set("q", state.q);
    if (state.show.size) parts.set("show", [...state.show].join(","));
    const text = parts.toString();
    try {
      history.replaceState(null, "", text ? `#${text}` : "#results");
    } catch {
      // Some browsers refuse this for files; the table works without it.
    }
  }

  function recall() {
    if (!location.hash.includes("=")) return;
    const parts = new URLSearchParams(location.hash.slice(1));
    const key = parts.get("sort") || "";
    state.sort = keys.has(key) ? key : "";
    state.desc = parts.get("desc") === "1";
    state.q = search.value = parts.get("q") || "";
    state.show = new Set((parts.get("show") || "").split(",").filter((name) => chips.some((chip) => chip.dataset.outcome === name)));
  }

  function describe(index) {
    const list = make("dl");
    for (const name of Object.keys(data.columns)) {
      const figure = value(name, index);
      if (figure === null || figure === "") continue;
      const pair = make("div");
      pair.append(make("dt", { textContent: name }), make("dd", { textContent: visible(String(figure)) }));
      list.append(pair);
    }
    return list;
  }

  function toggle(row, index, more) {
    const open = more.getAttribute("aria-expanded") === "true";
    more.setAttribute("aria-expanded", String(!open));
    if (open) return row.nextElementSibling.remove();
    const detail = make("tr", { className: "detail" });
    const cell = detail.insertCell();
    cell.colSpan = heads.length;
    cell.append(describe(index));
    row.after(detail);
  }

  function cell(figure) {
    if (figure === null) return "";
    let text = String(figure).replace(/\r\n?/g, "\n").replace(/\0/g, "");
    if (typeof figure === "string" && /^[=+\-@\t\n]/.test(text) && (text.trim() !== text || isNaN(Number(text)))) text = `'${text}`;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function download() {
    const names = Object.keys(data.columns).slice(0, data.summary_columns);
    const lines = found.map((index) => names.map((name) => cell(value(name, index))).join(","));
    const blob = new Blob([[names.join(","), ...lines, ""].join("\n")], { type: "text/csv" });
    const link = make("a", { href: URL.createObjectURL(blob), download: "summary.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  for (const head of heads) {
    const button = make("button", { type: "button", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const key = head.dataset.key;
      if (state.sort !== key) Object.assign(state, { sort: key, desc: false });
      else if (!state.desc) state.desc = true;
      else Object.assign(state, { sort: "", desc: false });
      show();
      remember();
    });
  }
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      const name = chip.dataset.outcome;
      if (!state.show.delete(name)) state.show.add(name);
      show();
      remember();
    });
  }
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.q = search.value; show(); remember(); }, 80);
  });
  document.getElementById("csv").addEventListener("click", download);
  function aim() {
    const index = Number(/^#r(\d+)$/.exec(location.hash)?.[1] ?? NaN);
    if (!(index < data.rows)) return;
    if (!found.slice(0, state.limit).includes(index)) {
      Object.assign(state, { q: search.value = "", show: new Set(), limit: Infinity });
      show();
    }
    elements.get(index).scrollIntoView();
    for (const row of body.querySelectorAll(".aim")) row.classList.remove("aim");
    elements.get(index).classList.add("aim");
  }

  function showAll() {
    if (rest.hidden) return;
    state.limit = Infinity;
    show();
  }

  rest.addEventListener("click", showAll);
  addEventListener("hashchange", () => {
    recall();
    show();
    aim();
  });
  const wide = table.parentElement;
  const fit = () => wide.classList.toggle("fits", table.scrollWidth <= wide.clientWidth);  // the head can stick then
  addEventListener("resize", fit);
  document.getElementById("controls").hidden = false;
  recall();
  show();
  aim();
  fit();
})();
