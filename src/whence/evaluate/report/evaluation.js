(() => {
  const { all } = page;

  for (const box of all(".classes input")) {
    const group = document.querySelector(`.errors [data-class="${box.value}"]`);
    box.addEventListener("change", () => group.classList.toggle("off", !box.checked));
  }

  all("table.sorts").forEach(page.sorts);

  const filter = document.getElementById("filter");
  if (filter) page.filters(filter, document.getElementById("all-pictures"));

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
