"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));

  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  for (const box of all(".classes input")) {
    const group = document.querySelector(`.errors [data-class="${box.value}"]`);
    box.addEventListener("change", () => group.classList.toggle("off", !box.checked));
  }

  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim().toLowerCase() : cell.dataset.value === "" ? Infinity : +cell.dataset.value;
  };
  for (const table of all("table.sorts")) {
    const body = table.tBodies[0];
    all("thead th", table).forEach((head, column) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "sort", textContent: head.textContent });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const rising = head.getAttribute("aria-sort") !== "ascending";
        for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", rising ? "ascending" : "descending");
        const sign = rising ? 1 : -1;
        const rows = Array.from(body.rows).sort((a, b) => {
          const [p, q] = [value(a, column), value(b, column)];
          return (p < q ? -1 : p > q ? 1 : 0) * sign;
        });
        body.append(...rows);
      });
    });
  }

  const filter = document.getElementById("filter");
  if (filter) {
    const rows = all("#all-pictures tbody tr");
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  }

  const save = document.getElementById("save");
  if (save) save.addEventListener("click", () => {
    const text = JSON.stringify(JSON.parse(document.getElementById("data").textContent), null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "application/json" }));
    link.download = "evaluation.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
