(() => {
  const { all } = page;

  // --- a claim lights up everywhere ---------------------------------------------------------------------------
  const light = (number, on) => {
    for (const element of all(`[data-claim="${number}"]`)) element.classList.toggle("on", on);
    for (const group of all(".regions")) group.classList.toggle("lit", Boolean(group.querySelector(".on")));
  };
  for (const element of all("[data-claim]")) {
    const number = element.dataset.claim;
    for (const kind of ["pointerenter", "focusin"]) element.addEventListener(kind, () => light(number, true));
    for (const kind of ["pointerleave", "focusout"]) element.addEventListener(kind, () => light(number, false));
  }

  // --- languages ------------------------------------------------------------------------------------------------
  const tabs = all(".tab");
  const speak = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-pressed", String(tab === chosen));
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  };
  for (const tab of tabs) tab.addEventListener("click", () => speak(tab));
  if (tabs.length) speak(tabs[0]);

  // --- layers, opacity, swipe ---------------------------------------------------------------------------------
  const pairs = document.getElementById("pairs");
  for (const box of all("[data-layer]")) {
    const show = () => pairs.classList.toggle(`hide-${box.dataset.layer}`, !box.checked);
    box.addEventListener("change", show);
    show();
  }
  const overlay = document.getElementById("overlay");
  if (overlay) {
    const width = overlay.viewBox.baseVal.width, opacity = document.getElementById("opacity"), swipe = document.getElementById("swipe");
    const line = document.getElementById("swipe-line"), rect = document.getElementById("uncovered-rect"), laid = document.getElementById("laid");
    opacity.addEventListener("input", () => laid.setAttribute("opacity", String(opacity.value / 100)));
    swipe.addEventListener("input", () => {
      const x = (width * swipe.value) / 100;
      rect.setAttribute("width", String(x));
      line.setAttribute("x1", String(x));
      line.setAttribute("x2", String(x));
    });
  }

  // --- saving -------------------------------------------------------------------------------------------------
  document.getElementById("save").addEventListener("click", () => {
    const text = JSON.stringify(JSON.parse(document.getElementById("result").textContent), null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "application/json" }));
    link.download = "whence-match.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
