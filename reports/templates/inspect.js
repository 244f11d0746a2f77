"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const pairs = data.pairs;
  const drawings = [...document.querySelectorAll(".drawing")];
  const panels = [...document.querySelectorAll(".chosen")];
  const search = document.getElementById("search");
  const overlay = document.getElementById("overlay");
  const note = document.getElementById("overlay-note");
  const nodes = drawings.map((drawing) => new Map([...drawing.querySelectorAll(".node")].map((node) => [Number(node.dataset.op), node])));
  const chosen = drawings.map(() => -1);
  const partner = [new Map(pairs), new Map(pairs.map(([a, b]) => [b, a]))];

  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  function short(value) {
    if (value === null || value === undefined) return "not counted";
    for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (value >= size) return `${Number((value / size).toPrecision(4))} ${unit}`;
    }
    return String(value);
  }

  // ---- one operator ----

  function tensorItem(file, index) {
    if (index < 0) return make("li", "left out");
    const [name, type, shape, quantization, range, bytes] = data.files[file].tensors[index];
    const item = make("li", name || `tensor ${index}`);
    const parts = [`${type} ${shape}`];
    if (quantization) parts.push(quantization);
    if (bytes !== null) parts.push(`${bytes.toLocaleString("en")} bytes`);
    item.append(make("small", parts.join(" · ")));
    if (range) item.append(make("small", range));
    const figure = document.getElementById(`${"ab"[file]}h${index}`);
    if (figure) item.append(figure.querySelector("svg").cloneNode(true));
    return item;
  }

  function list(title, items) {
    const found = document.createDocumentFragment();
    if (!items.length) return found;
    const all = make("ul");
    all.append(...items);
    found.append(make("h4", title), all);
    return found;
  }

  function describe(file, index) {
    const one = data.files[file].operators[index];
    const panel = panels[file];
    const head = make("h3", `#${index} ${one.n}`);
    const close = make("button", "Close");
    close.type = "button";
    close.addEventListener("click", () => { choose(file, -1); nodes[file].get(index)?.focus(); });
    head.append(close);
    const facts = make("dl");
    const pairsOfFacts = [
      ["type", one.k], ["version", one.v], ["options", one.o], ["MACs", short(one.m)], ["parameters", one.p.toLocaleString("en")],
    ];
    if (one.t !== null) pairsOfFacts.push(["time", `${(one.t / 1000).toPrecision(3)} ms, the mean of its kind`]);
    for (const [name, value] of pairsOfFacts) {
      if (value === "" || value === null) continue;
      const line = make("div");
      line.append(make("dt", name), make("dd", String(value)));
      facts.append(line);
    }
    const expected = one.e.map((at, order) => {
      const [answer, reason] = data.files[file].answers[at];
      const item = make("li", `${data.delegates[order]}: `);
      item.append(make("span", answer, { expected: "yes", "not expected": "no" }[answer] || "maybe"));
      if (reason) item.append(make("small", reason));
      return item;
    });
    panel.replaceChildren(
      head, make("p", one.l, "layer"), facts,
      list("Inputs", one.i.map((at) => tensorItem(file, at))), list("Outputs", one.u.map((at) => tensorItem(file, at))),
      list("Delegates, by rule", expected),
    );
    panel.hidden = false;
    panel.scrollTop = 0;
  }

  function show(file, index) {
    const node = nodes[file].get(index);
    if (!node) return null;
    node.closest("details").open = true;
    const drawing = drawings[file];
    const box = node.getBoundingClientRect(), frame = drawing.getBoundingClientRect();
    if (box.top < frame.top + 30 || box.bottom > frame.bottom - 30) {
      drawing.scrollTop += box.top - frame.top - frame.height / 3;
    }
    return node;
  }

  function choose(file, index, alone) {
    nodes[file].get(chosen[file])?.classList.remove("here");
    chosen[file] = index;
    if (index < 0) {
      panels[file].hidden = true;
      return;
    }
    const node = show(file, index);
    if (!node) return;
    node.classList.add("here");
    roam(file, node);
    describe(file, index);
    const other = partner[file]?.get(index);
    if (!alone && drawings.length > 1 && other !== undefined) choose(1 - file, other, true);
  }

  function roam(file, node) {
    drawings[file].querySelector(".node[tabindex='0']")?.setAttribute("tabindex", "-1");
    node.setAttribute("tabindex", "0");
  }

  function step(file, from, by) {
    const node = show(file, from + by);
    if (!node) return;
    roam(file, node);
    node.focus({ preventScroll: true });
  }

  // ---- colours ----

  function paint() {
    const field = overlay.value;
    drawings.forEach((drawing, file) => {
      drawing.classList.toggle("heat", field !== "");
      const operators = data.files[file].operators;
      const most = Math.max(...operators.map((one) => one[field] || 0), 0) || 1;
      for (const [index, node] of nodes[file]) {
        const value = operators[index][field];
        node.style.setProperty("--s", field && value ? Math.sqrt(value / most).toFixed(3) : "0");
        node.classList.toggle("none", field !== "" && (value === null || value === undefined));
      }
    });
    const profiles = [...new Set(data.files.map((file) => file.profile).filter(Boolean))];
    note.hidden = field === "";
    note.textContent = field === "t"
      ? `A stronger colour is slower: the mean time of its kind of operator. ${profiles.join("; ")}. Dashed: the profile has no operator of that name.`
      : "A stronger colour is more; dashed is not counted.";
  }

  // ---- search ----

  function find() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0, first = null;
    drawings.forEach((drawing, file) => {
      for (const [index, node] of nodes[file]) {
        const one = data.files[file].operators[index];
        const text = `#${index} ${one.n} ${one.l} ${one.k}`.toLowerCase();
        const hit = words.every((word) => (/^#\d+$/.test(word) ? word === `#${index}` : text.includes(word)));
        node.classList.toggle("dim", words.length > 0 && !hit);
        if (!hit || !words.length) continue;
        count += 1;
        first ??= [file, index];
        node.closest("details").open = true;
      }
    });
    document.getElementById("found").textContent = words.length ? `${count.toLocaleString("en")} found` : "";
    if (first) show(...first);
    return first;
  }

  // ---- start ----

  drawings.forEach((drawing, file) => {
    const kinds = new Set(data.files[file].operators.map((one) => one.k));
    for (const item of document.querySelectorAll(".kinds li")) if (kinds.has(item.className)) item.hidden = false;
    let first = true;
    for (const [index, node] of nodes[file]) {
      const one = data.files[file].operators[index];
      node.setAttribute("role", "button");
      node.setAttribute("tabindex", first ? "0" : "-1");
      node.setAttribute("aria-label", `operator ${index}, ${one.n}, ${one.l}`);
      first = false;
    }
    drawing.addEventListener("click", (event) => {
      const to = event.target.closest("[data-to]");
      const node = event.target.closest(".node");
      if (to) choose(file, Number(to.dataset.to));
      else if (node) choose(file, Number(node.dataset.op));
    });
    drawing.addEventListener("keydown", (event) => {
      const node = event.target.closest(".node");
      if (!node) return;
      const index = Number(node.dataset.op);
      const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (by) step(file, index, by);
      else if (event.key === "Enter" || event.key === " ") choose(file, index);
      else if (event.key === "Escape") choose(file, -1);
      else return;
      event.preventDefault();
    });
  });
  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(find, 80); });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const first = find();
    if (first) choose(...first);
  });
  overlay.addEventListener("change", paint);
  if (data.files.some((file) => file.profile)) overlay.querySelector("[value=t]").hidden = false;
  else overlay.querySelector("[value=t]").remove();
  const fold = (open) => () => { for (const block of document.querySelectorAll(".block")) block.open = open; };
  document.getElementById("unfold").addEventListener("click", fold(true));
  document.getElementById("fold").addEventListener("click", fold(false));
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.nextElementSibling;
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);  // a file may not write to the clipboard: it is selected instead
        button.textContent = "Selected";
      }
    });
  }
  document.getElementById("controls").hidden = false;
})();
