(() => {
  const { all } = page;

  // --- claims and their boxes -----------------------------------------------------------------------------
  const light = (number, on) => {
    for (const element of all(`[data-claim="${number}"]`)) element.classList.toggle("on", on);
  };
  for (const element of all("[data-claim]")) {
    const number = element.dataset.claim;
    for (const kind of ["pointerenter", "focusin"]) element.addEventListener(kind, () => light(number, true));
    for (const kind of ["pointerleave", "focusout"]) element.addEventListener(kind, () => light(number, false));
  }
  for (const button of all(".fold")) {
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(open));
      document.getElementById(button.getAttribute("aria-controls")).classList.toggle("folded", !open);
    });
  }
  const unfold = () => {
    const target = location.hash.startsWith("#claim-") && document.getElementById(location.hash.slice(1));
    const body = target && target.closest("tbody.folded");
    if (body) document.querySelector(`[aria-controls="${body.id}"]`).click();
  };
  addEventListener("hashchange", unfold);

  // --- saving ---------------------------------------------------------------------------------------------
  document.getElementById("save").addEventListener("click", () => {
    const text = JSON.stringify(JSON.parse(document.getElementById("result").textContent), null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "application/json" }));
    link.download = "whence.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  // --- maps -----------------------------------------------------------------------------------------------
  const NICE = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
  const share = (p) => (p <= 0 ? "almost none of the belief" : `about ${(100 * p).toLocaleString("en", { maximumSignificantDigits: 2 })} % of the belief`);
  const length = (km) => (km < 1 ? `${Math.round(km * 1000)} m` : `${Number(km.toPrecision(2)).toLocaleString("en")} km`);

  const makeMap = (panel) => {
    const svg = panel.querySelector("svg"), tip = panel.querySelector(".tip");
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const view = { width, height, lat: +svg.dataset.lat, lon: +svg.dataset.lon, kmPerPx: +svg.dataset.kmPerPx, world: svg.dataset.world === "1" };
    const masses = JSON.parse(panel.querySelector(".masses").textContent);
    const levels = Uint8Array.from(atob(masses.levels), (c) => c.charCodeAt(0));
    const fixed = all(".wm-fixed", svg).map((element) => [element, element.getAttribute("transform")]);
    const scaleBar = svg.querySelector(".wm-scale"), inset = svg.querySelector(".wm-inset");
    const barPath = scaleBar.querySelector("path"), barText = scaleBar.querySelector("text");
    const before = { d: barPath.getAttribute("d"), x: barText.getAttribute("x"), text: barText.textContent };
    const insetAt = inset && inset.getAttribute("transform");
    let x = 0, y = 0, zoom = 1;

    const show = () => {
      const w = width / zoom, h = height / zoom;
      x = Math.min(Math.max(x, 0), width - w);
      y = Math.min(Math.max(y, 0), height - h);
      svg.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
      for (const [element, base] of fixed) element.setAttribute("transform", `${base} scale(${1 / zoom})`);
      scaleBar.setAttribute("transform", `translate(${x} ${y}) scale(${1 / zoom})`);
      if (inset) inset.setAttribute("transform", `translate(${x} ${y}) scale(${1 / zoom}) ${insetAt}`);
      if (zoom === 1) {
        barPath.setAttribute("d", before.d); barText.setAttribute("x", before.x); barText.textContent = before.text;
        return;
      }
      const perPx = view.kmPerPx / zoom, km = NICE.filter((k) => k <= 0.22 * width * perPx).pop() || NICE[0];
      const px = km / perPx, base = height - 26;
      barPath.setAttribute("d", `M16 ${base - 5}v5h${px}v-5`);
      barText.setAttribute("x", 22 + px);
      barText.textContent = view.world ? `about ${length(km)}` : length(km);
    };
    const zoomAt = (factor, px, py) => {
      const next = Math.min(Math.max(zoom * factor, 1), 24), back = zoom / next;
      x = px - (px - x) * back; y = py - (py - y) * back; zoom = next;
      show();
    };
    const place = (event) => {
      const box = svg.getBoundingClientRect();
      return [x + ((event.clientX - box.left) / box.width) * (width / zoom), y + ((event.clientY - box.top) / box.height) * (height / zoom)];
    };
    const reset = () => { x = y = 0; zoom = 1; show(); };

    const tell = (event) => {
      const [px, py] = place(event), at = unproject(view, px, py);
      tip.hidden = !at;
      if (!at) return;
      const column = Math.floor(px / masses.step), row = Math.floor(py / masses.step);
      const level = levels[row * masses.columns + column] || 0;
      const held = level ? 10 ** (((level - 1) / 254) * masses.decades - masses.decades) : 0;
      const side = length(masses.step * view.kmPerPx);
      const shade = document.elementsFromPoint(event.clientX, event.clientY).find((e) => e.dataset && e.dataset.level && svg.contains(e));
      const digits = view.kmPerPx / zoom < 0.3 ? 4 : view.kmPerPx / zoom < 3 ? 3 : view.kmPerPx / zoom < 12 ? 2 : 1;
      const lines = [
        `${Math.abs(at.lat).toFixed(digits)}° ${at.lat < 0 ? "S" : "N"}, ${Math.abs(at.lon).toFixed(digits)}° ${at.lon < 0 ? "W" : "E"}`,
        `${share(held)} in ${side} × ${side}`,
        shade ? `inside the ${Math.round(shade.dataset.level * 100)} % region` : "outside all shades",
      ];
      tip.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
      const box = panel.getBoundingClientRect(), left = event.clientX - box.left, top = event.clientY - box.top;
      tip.style.left = `${left > box.width - 220 ? left - tip.offsetWidth - 14 : left + 14}px`;
      tip.style.top = `${Math.min(top + 14, box.height - tip.offsetHeight - 4)}px`;
    };

    const pointers = new Map();
    let apart = 0;
    panel.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event);
      panel.focus({ preventScroll: true });
      apart = 0;
    });
    panel.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return tell(event);
      const box = svg.getBoundingClientRect(), perPx = width / zoom / box.width;
      if (pointers.size === 1) {
        x -= (event.clientX - last.clientX) * perPx; y -= (event.clientY - last.clientY) * perPx;
        if (!panel.hasPointerCapture(event.pointerId)) panel.setPointerCapture(event.pointerId);
        tip.hidden = true;
        show();
      }
      pointers.set(event.pointerId, event);
      if (pointers.size === 2) {
        const [a, b] = [...pointers.values()], now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        const middle = place({ clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
        if (apart) zoomAt(now / apart, ...middle);
        apart = now;
      }
    });
    for (const kind of ["pointerup", "pointercancel"]) panel.addEventListener(kind, (event) => pointers.delete(event.pointerId));
    panel.addEventListener("pointerleave", () => { tip.hidden = true; });
    panel.addEventListener("wheel", (event) => {
      if (document.activeElement !== panel && !event.ctrlKey) return;
      event.preventDefault();
      zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...place(event));
    }, { passive: false });
    panel.addEventListener("dblclick", (event) => zoomAt(2, ...place(event)));
    panel.addEventListener("keydown", (event) => {
      const step = 60 / zoom, moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
      const middle = [x + width / zoom / 2, y + height / zoom / 2];
      if (moves[event.key]) { x += moves[event.key][0]; y += moves[event.key][1]; show(); }
      else if (event.key === "+" || event.key === "=") zoomAt(1.5, ...middle);
      else if (event.key === "-" || event.key === "_") zoomAt(1 / 1.5, ...middle);
      else if (event.key === "0") reset();
      else if (event.key === "Escape") panel.blur();
      else return;
      event.preventDefault();
    });
    return { panel, reset, zoom: (factor) => zoomAt(factor, x + width / zoom / 2, y + height / zoom / 2) };
  };

  const maps = all(".map").map(makeMap);
  const current = () => maps.find((map) => !map.panel.hidden);
  for (const tab of all(".tab")) {
    tab.addEventListener("click", () => {
      for (const map of maps) map.panel.hidden = map.panel.id !== tab.getAttribute("aria-controls");
      for (const other of all(".tab")) other.setAttribute("aria-pressed", String(other === tab));
    });
  }
  for (const button of all("[data-zoom]")) {
    const act = { in: (map) => map.zoom(1.6), out: (map) => map.zoom(1 / 1.6), reset: (map) => map.reset() }[button.dataset.zoom];
    button.addEventListener("click", () => act(current()));
  }
  for (const box of all("[data-layer]")) {
    box.addEventListener("change", () => {
      for (const map of maps) map.panel.classList.toggle(`hide-${box.dataset.layer}`, !box.checked);
    });
  }
})();
