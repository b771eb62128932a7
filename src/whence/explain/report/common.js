"use strict";
const page = (() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));

  // --- light and dark -------------------------------------------------------------------------------------
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  // --- tables: sorted by a click on a head, filtered by a text ----------------------------------------------
  const value = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return "";
    return cell.dataset.value === undefined ? cell.textContent.trim().toLowerCase() : cell.dataset.value === "" ? Infinity : +cell.dataset.value;
  };
  const sorts = (table) => all("thead th", table).forEach((head, column) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "sort", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const sign = rising ? 1 : -1;
      const body = table.tBodies[0];
      body.append(...Array.from(body.rows).sort((a, b) => {
        const [p, q] = [value(a, column), value(b, column)];
        return (p < q ? -1 : p > q ? 1 : 0) * sign;
      }));
    });
  });
  const filters = (input, table) => input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  return { all, sorts, filters };
})();
