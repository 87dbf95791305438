// The leaderboard: colours, filters, sorting, what a column means, copying, saving a plot.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const copies = JSON.parse($("copies").textContent);

  // Colours: as the system, light, dark
  const themes = ["auto", "light", "dark"];
  const show = () => {
    $("theme").textContent = `Colours: ${document.documentElement.dataset.theme || "auto"}`;
  };
  $("theme").addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme || "auto") + 1) % themes.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      if (next === "auto") localStorage.removeItem("srbench-theme");
      else localStorage.setItem("srbench-theme", next);
    } catch { /* a page from a file may have no storage */ }
    show();
  });
  show();

  // Filters
  const rankings = all(".ranking");
  const filters = all("[data-filter]");
  const applyFilters = () => {
    const wanted = Object.fromEntries(filters.map((select) => [select.dataset.filter, select.value]));
    for (const ranking of rankings) {
      const fits = Object.entries(wanted).every(([key, value]) => key === "family" || !value || ranking.dataset[key] === value);
      const rows = all("tbody tr", ranking);
      for (const row of rows) row.hidden = Boolean(wanted.family) && row.dataset.family !== wanted.family;
      ranking.hidden = !fits || rows.every((row) => row.hidden);
    }
    $("none").hidden = rankings.some((ranking) => !ranking.hidden);
    $("copied").textContent = "";
  };
  for (const select of filters) {
    select.value = "";
    select.addEventListener("change", applyFilters);
  }

  // Sorting: best first, once more turns it; rows without a value stand last either way
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number(a), Number(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return sign * (a < b ? -1 : a > b ? 1 : 0);
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  };
  const sort = (table, column, direction) => {
    const body = table.tBodies[0];
    const sign = direction === "ascending" ? 1 : -1;
    const value = (row) => (row.classList.contains("out") ? "" : row.cells[column]?.dataset.value ?? "");
    const rows = [...body.rows];
    rows.sort((a, b) => a.classList.contains("out") - b.classList.contains("out") || compare(value(a), value(b), sign));
    body.append(...rows);
    all("thead th", table).forEach((head, i) => head.setAttribute("aria-sort", i === column ? direction : "none"));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.sort");
    if (!button) return;
    const head = button.closest("th");
    const first = button.dataset.first === "up" ? "ascending" : "descending";
    const second = first === "ascending" ? "descending" : "ascending";
    const direction = head.getAttribute("aria-sort") === first ? second : first;
    for (const twin of all(`.ranking button.sort[data-key="${CSS.escape(button.dataset.key)}"]`)) {
      sort(twin.closest("table"), Number(twin.dataset.column), direction);
    }
  });

  // What a column means
  const explain = (event) => {
    const button = event.target.closest?.("button.sort");
    if (button) $("meaning").textContent = `${button.textContent}: ${button.dataset.meaning}`;
  };
  for (const kind of ["pointerover", "focusin", "click"]) $("leaderboard").addEventListener(kind, explain);

  // Copying what is shown, in the order it is shown
  const asText = {
    csv: (sections) => copies.csv.head + sections.flatMap(({ rows }) => rows.map((row) => copies.csv.rows[row])).join(""),
    markdown: (sections) => `${[...lines("markdown", sections), ...copies.markdown.notes].join("\n").trimEnd()}\n`,
    latex: (sections) => lines("latex", sections).join("\n"),
  };
  const lines = (style, sections) => sections.flatMap(({ i, rows }) => {
    const { head, tail } = copies[style].sections[i];
    return [...head, ...rows.map((row) => copies[style].rows[row]), ...tail];
  });
  const write = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no clipboard here: the old way
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) throw new Error("the browser refuses");
    }
  };
  for (const button of all("[data-copy]")) {
    button.addEventListener("click", async () => {
      const sections = rankings
        .map((ranking, i) => ({ ranking, i, rows: all("tbody tr:not([hidden])", ranking).map((row) => Number(row.dataset.row)) }))
        .filter(({ ranking }) => !ranking.hidden);
      const count = sections.reduce((sum, { rows }) => sum + rows.length, 0);
      try {
        await write(asText[button.dataset.copy](sections));
        $("copied").textContent = `${count} row${count === 1 ? "" : "s"} copied as ${button.textContent}`;
      } catch (error) {
        $("copied").textContent = `not copied: ${error.message}`;
      }
    });
  }

  // A plot as a file, black on nothing
  for (const button of all("[data-save]")) {
    button.addEventListener("click", () => {
      const svg = button.parentElement.querySelector("svg").cloneNode(true);
      svg.setAttribute("color", "#000");
      svg.setAttribute("font-family", "DejaVu Sans, Arial, sans-serif");
      const link = document.createElement("a");
      link.href = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
      link.download = `${button.dataset.save.replace(/[^\w.-]+/g, "_")}.svg`;
      link.click();
    });
  }
  window.srbenchSort = sort;
})();
