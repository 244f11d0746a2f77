"use strict";
(() => {
  const table = document.getElementById("table");
  if (!table) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const body = table.tBodies[0];
  const rows = [...body.rows].map((element, index) => ({
    element, index, text: element.textContent.toLowerCase(), name: element.cells[0].textContent,
  }));
  const heads = [...table.tHead.rows[0].cells];
  const chips = [...document.querySelectorAll("#chips button")];
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const rest = document.getElementById("rest");
  const STEP = 300;  // rows laid out at once: a browser needs seconds for thousands
  const state = { sort: "", desc: false, q: "", show: new Set(), limit: STEP };
  const keys = new Set(heads.map((head) => head.dataset.key));

  function value(name, index) {
    const column = data.columns[name];
    if (Array.isArray(column)) return column[index];
    return "all" in column ? column.all : column.of[column.at[index]];
  }

  function compare(name, sign) {
    return (a, b) => {
      const x = value(name, a.index), y = value(name, b.index);
      if (x === null || x === "" || y === null || y === "") {
        return (x === null || x === "") - (y === null || y === "") || a.index - b.index;
      }
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en");
      return sign * order || a.index - b.index;
    };
  }

  function closeDetails() {
    for (const detail of body.querySelectorAll(".detail")) detail.remove();
    for (const more of body.querySelectorAll(".more[aria-expanded=true]")) more.setAttribute("aria-expanded", "false");
  }

  function show() {
    closeDetails();
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const ordered = state.sort ? [...rows].sort(compare(state.sort, state.desc ? -1 : 1)) : rows;
    let count = 0;
    for (const row of ordered) {
      const visible = words.every((word) => row.text.includes(word)) &&
        (!state.show.size || state.show.has(value("outcome", row.index)));
      count += visible;
      row.element.hidden = !visible || count > state.limit;
      row.found = visible;
    }
    body.append(...ordered.map((row) => row.element));
    for (const head of heads) {
      if (head.dataset.key !== state.sort) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", state.desc ? "descending" : "ascending");
    }
    for (const chip of chips) chip.setAttribute("aria-pressed", String(state.show.has(chip.dataset.outcome)));
    shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
    rest.hidden = count <= state.limit;
    rest.textContent = `Show all ${count.toLocaleString("en")} rows, not only the first ${state.limit}`;
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
    const list = document.createElement("dl");
    for (const name of Object.keys(data.columns)) {
      const found = value(name, index);
      if (found === null || found === "") continue;
      const pair = document.createElement("div");
      pair.append(Object.assign(document.createElement("dt"), { textContent: name }));
      pair.append(Object.assign(document.createElement("dd"), { textContent: String(found) }));
      list.append(pair);
    }
    return list;
  }

  function toggle(row, more) {
    const open = more.getAttribute("aria-expanded") === "true";
    more.setAttribute("aria-expanded", String(!open));
    if (open) return row.element.nextElementSibling.remove();
    const detail = document.createElement("tr");
    detail.className = "detail";
    const cell = detail.insertCell();
    cell.colSpan = heads.length;
    cell.append(describe(row.index));
    row.element.after(detail);
  }

  function cell(found) {
    if (found === null) return "";
    let text = String(found).replace(/\r\n?/g, "\n").replace(/\0/g, "");
    if (typeof found === "string" && /^[=+\-@\t\n]/.test(text) && (text.trim() !== text || isNaN(Number(text)))) text = `'${text}`;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function download() {
    const names = Object.keys(data.columns).slice(0, data.summary_columns);
    const visible = rows.filter((row) => row.found);
    const lines = visible.map((row) => names.map((name) => cell(value(name, row.index))).join(","));
    const blob = new Blob([[names.join(","), ...lines, ""].join("\n")], { type: "text/csv" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: "summary.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  for (const head of heads) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: head.textContent });
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
  for (const row of rows) {
    const more = Object.assign(document.createElement("button"), { type: "button", className: "more", textContent: "›" });
    more.setAttribute("aria-expanded", "false");
    more.setAttribute("aria-label", `All figures of ${row.name} ${row.element.cells[1].textContent}`);
    more.addEventListener("click", () => toggle(row, more));
    row.element.cells[0].prepend(more);
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
  function showAll() {
    if (rest.hidden) return;
    state.limit = Infinity;
    show();
  }

  rest.addEventListener("click", showAll);
  addEventListener("beforeprint", showAll);
  addEventListener("hashchange", () => {
    recall();
    show();
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.hidden) {
      showAll();
      target.scrollIntoView();
    }
  });
  const wide = table.parentElement;
  const fit = () => wide.classList.toggle("fits", table.scrollWidth <= wide.clientWidth);  // the head can stick then
  addEventListener("resize", fit);
  document.getElementById("controls").hidden = false;
  recall();
  show();
  fit();
})();
