(() => {
  const table = document.getElementById("list");
  page.sorts(table);
  page.filters(document.getElementById("filter"), table);
})();
