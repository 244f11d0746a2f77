"use strict";
// Tables marked "sortable" get a button in each head (and, from a dozen rows on, a box that filters); regions marked
// "scroll" or "wide" say so when they are wider than the page. A cell may carry the value to sort by in data-value.
(() => {
  const FILTER_FROM = 12;

  function make(tag, properties, attributes = {}) {
    const element = Object.assign(document.createElement(tag), properties);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function figure(text) {
    const plain = text.trim().replaceAll(",", "").replace(/^[±≈~×+]\s*/, "").replace(/^−/, "-");
    const value = parseFloat(plain);
    const unit = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 }[plain.split(/\s+/)[1]] || 1;
    return Number.isNaN(value) ? null : value * unit;
  }

  function key(cell, numeric) {
    const text = cell?.dataset.value ?? cell?.textContent ?? "";
    return numeric ? figure(text) : text.trim() || null;
  }

  function ordered(rows, column, numeric, sign) {
    return rows.map((row) => [key(row.cells[column], numeric), row]).sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (numeric ? a - b : a.localeCompare(b, "en", { numeric: true }));
    }).map(([, row]) => row);
  }

  function sortable(table) {
    const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
    let sorted = -1, down = false;
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = make("button", { type: "button" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        if (sorted !== column) { sorted = column; down = false; } else if (!down) down = true; else sorted = -1;
        body.append(...(sorted < 0 ? rows : ordered(rows, column, head.classList.contains("n"), down ? -1 : 1)));
        for (const other of heads) other.removeAttribute("aria-sort");
        if (sorted >= 0) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      });
    });
    if (rows.length >= FILTER_FROM) filtered(table, rows);
  }

  function filtered(table, rows) {
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const name = table.caption?.textContent || table.getAttribute("aria-label") || "the table";
    const box = make("input", { type: "search", placeholder: "Filter", autocomplete: "off", spellcheck: false }, { "aria-label": `Filter ${name} by text` });
    const shown = make("output", { textContent: `${rows.length.toLocaleString("en")} rows` });
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, at) => {
        row.hidden = !words.every((word) => texts[at].includes(word));
        count += !row.hidden;
      });
      shown.textContent = `${words.length ? `${count.toLocaleString("en")} of ` : ""}${rows.length.toLocaleString("en")} rows`;
    });
    const line = make("div", { className: "filters" });
    line.append(box, shown);
    (table.closest(".scroll") || table).before(line);
  }

  function hinted(region) {
    const hint = make("p", { className: "hint", textContent: "This table is wider than the page: scroll it sideways →", hidden: true });
    region.before(hint);
    const fit = () => { hint.hidden = region.scrollWidth <= region.clientWidth + 1; };
    new ResizeObserver(fit).observe(region);
  }

  for (const table of document.querySelectorAll("table.sortable")) sortable(table);
  for (const region of document.querySelectorAll(".scroll, .wide")) hinted(region);
})();
