// The images: LR, each method's SR and HR under one zoom and one centre, a slider between two, error maps.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  if (!$("explorer")) return;
  const { galleries, colours } = JSON.parse($("data").textContent);
  const state = { g: 0, i: 0, shown: new Set(), duel: false, left: "", right: "", split: 50, zoom: 1, x: 0, y: 0, whole: false, errors: false };
  const pictures = new Map(); // of the image that is shown: key -> data URI
  let panes = []; // what is on the stage: { key, layer, view }
  let side = 1; // of a view in CSS pixels
  let turn = 0; // counts renderings, so that a slow one does not overwrite a later one

  const gallery = () => galleries[state.g];
  const image = () => gallery().images[state.i];
  const protocol = () => $("protocol").value;
  const make = (tag, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...children);
    return element;
  };
  const options = (select, pairs, chosen) => {
    select.replaceChildren(...pairs.map(([value, text]) => make("option", { value, textContent: text })));
    if (pairs.some(([value]) => value === chosen)) select.value = chosen;
  };
  const say = (text) => { $("said").textContent = text; };

  // Which part of HR there is to see: the crop in the page, or the whole image from the run's folder
  const extent = () => {
    const { crop, size } = image();
    if (state.whole && size) return { x: 0, y: 0, width: size[0], height: size[1] };
    return crop ? { x: crop[0], y: crop[1], width: crop[2], height: crop[3] } : { x: 0, y: 0, width: 1, height: 1 };
  };
  const fitZoom = () => { const e = extent(); return side / Math.max(e.width, e.height); };
  const fit = () => {
    const e = extent();
    Object.assign(state, { zoom: fitZoom(), x: e.x + e.width / 2, y: e.y + e.height / 2 });
    place();
  };
  const look = () => { // at the place where the methods differ most, close enough to see it
    const { focus } = image();
    fit();
    if (!focus || state.zoom >= 2) return;
    Object.assign(state, { zoom: 2, x: focus[0] + focus[2] / 2, y: focus[1] + focus[3] / 2 });
    place();
  };
  const zoomTo = (zoom, px = side / 2, py = side / 2) => { // keeps the HR point under (px, py) where it is
    const before = state.zoom;
    state.zoom = Math.min(32, Math.max(Math.min(fitZoom(), 1), zoom));
    state.x += (px - side / 2) * (1 / before - 1 / state.zoom);
    state.y += (py - side / 2) * (1 / before - 1 / state.zoom);
    place();
  };
  const move = (dx, dy) => { state.x -= dx / state.zoom; state.y -= dy / state.zoom; place(); };

  // Put every picture where zoom and centre say
  const place = () => {
    const e = extent();
    const reach = side / 2 / state.zoom; // half of what is visible, in HR pixels
    const hold = (value, from, length) => (length <= 2 * reach ? from + length / 2 : Math.min(from + length - reach, Math.max(from + reach, value)));
    state.x = hold(state.x, e.x, e.width);
    state.y = hold(state.y, e.y, e.height);
    const left = side / 2 + (e.x - state.x) * state.zoom;
    const top = side / 2 + (e.y - state.y) * state.zoom;
    for (const { key, layer, view } of panes) {
      const shown = layer.firstElementChild;
      if (shown) {
        shown.style.transform = `translate(${left}px, ${top}px) scale(${state.zoom})`;
        shown.classList.toggle("smooth", state.zoom < (key === "LR" ? 1 / gallery().scale : 1)); // pixels are shown as they are, once there is room for them
      }
      view.classList.toggle("zoomed", state.zoom > fitZoom() * 1.01);
    }
    $("zoom").textContent = `${Math.round(state.zoom * 100)} %`;
    const divider = $("stage").querySelector(".divider");
    if (divider) {
      divider.style.left = `${state.split}%`;
      panes[0].layer.style.clipPath = `inset(0 ${100 - state.split}% 0 0)`;
      panes[1].layer.style.clipPath = `inset(0 0 0 ${state.split}%)`;
    }
  };

  // What can be shown of this image
  const keys = () => {
    const { whole } = image();
    const there = (key) => pictures.has(key) || Boolean(whole[key]);
    const methods = gallery().methods.filter(there);
    const bicubic = pictures.has("bicubic") && !methods.includes("bicubic") ? ["bicubic"] : [];
    return [...(there("LR") ? ["LR"] : []), ...bicubic, ...methods, ...(there("HR") ? ["HR"] : [])];
  };
  const title = (key) => (key === "LR" ? "LR (nearest)" : key === "bicubic" && !gallery().methods.includes(key) ? "bicubic (not scored)" : key);
  const source = (key) => (state.whole || !pictures.has(key) ? image().whole[key] : pictures.get(key));

  const shot = async (key) => {
    const e = extent();
    const picture = make("img", { alt: "", draggable: false, src: source(key) ?? "" });
    await picture.decode();
    if (state.whole && !image().size && key !== "LR") image().size = [picture.naturalWidth, picture.naturalHeight];
    picture.style.width = `${e.width}px`; // LR is enlarged by repeating its pixels
    picture.style.height = `${e.height}px`;
    return picture;
  };
  const pixels = (picture) => {
    const canvas = make("canvas", { width: picture.naturalWidth, height: picture.naturalHeight });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  };
  const colour = (level) => { // 0 to 1
    const at = Math.min(1, level) * (colours.length - 1);
    const [low, high] = [colours[Math.floor(at)], colours[Math.ceil(at)]];
    return low.map((part, i) => part + (high[i] - part) * (at % 1));
  };
  const errorMap = async (key, hr) => {
    const data = pixels(await shot(key));
    for (let p = 0; p < data.data.length; p += 4) {
      const difference = (Math.abs(data.data[p] - hr.data[p]) + Math.abs(data.data[p + 1] - hr.data[p + 1]) + Math.abs(data.data[p + 2] - hr.data[p + 2])) / 3;
      [data.data[p], data.data[p + 1], data.data[p + 2]] = colour(difference / 48);
    }
    const canvas = make("canvas", { width: data.width, height: data.height });
    canvas.getContext("2d").putImageData(data, 0, 0);
    return canvas;
  };

  // Scores under a picture
  const figure = (value, metric) => (value === null || value === undefined ? "–" : typeof value === "string" ? value : value.toFixed(metric.decimals));
  const number = (value) => (value === null || value === undefined ? NaN : typeof value === "string" ? Infinity : value);
  const bestOf = (name, metric) => {
    const values = gallery().methods.map((key) => number(image().scores[protocol()]?.[key]?.[name])).filter((value) => !Number.isNaN(value));
    return values.length > 1 ? (metric.better === "lower" ? Math.min(...values) : Math.max(...values)) : NaN;
  };
  const scores = (key) => {
    const found = image().scores[protocol()]?.[key];
    const line = make("span", { className: "scores" });
    if (!found) return line;
    for (const [name, metric] of Object.entries(gallery().metrics)) {
      if (!(name in found)) continue;
      const best = number(found[name]) === bestOf(name, metric);
      if (line.childNodes.length) line.append(" · ");
      line.append(make("span", {}, `${metric.heading} `, make("span", { className: best ? "best" : "", textContent: figure(found[name], metric) })));
    }
    return line;
  };
  const caption = (...shown) => make("figcaption", {}, ...shown.map((key) => {
    const head = make("b", { textContent: title(key) });
    const link = image().whole[key];
    const block = make("div", {}, head);
    if (link) block.append(" ", make("a", { href: link, textContent: "file", target: "_blank", rel: "noopener" }));
    block.append(scores(key));
    return block;
  }));

  const stage = () => {
    const shown = state.duel ? [state.left, state.right] : keys().filter((key) => state.shown.has(key));
    $("stage").classList.toggle("duel", state.duel);
    $("split").hidden = $("pair").hidden = !state.duel;
    $("shown").hidden = state.duel;
    $("legend").hidden = !state.errors;
    const layer = () => make("div", { className: "layer" });
    if (state.duel) {
      const layers = [layer(), layer()];
      const view = make("div", { className: "view" }, ...layers, make("div", { className: "divider" }),
        make("span", { className: "tag a", textContent: title(shown[0]) }), make("span", { className: "tag b", textContent: title(shown[1]) }));
      $("stage").replaceChildren(make("figure", { className: "pane" }, view, caption(...shown)));
      panes = shown.map((key, i) => ({ key, layer: layers[i], view }));
    } else {
      panes = shown.map((key) => ({ key, layer: layer(), view: make("div", { className: "view" }) }));
      $("stage").replaceChildren(...panes.map(({ key, layer: inner, view }) => {
        view.append(inner);
        view.setAttribute("role", "img");
        view.setAttribute("aria-label", `${image().name}, ${title(key)}`);
        return make("figure", { className: "pane" }, view, caption(key));
      }));
    }
    const first = $("stage").querySelector(".view");
    if (first) side = first.clientWidth || side;
  };
  const fill = async () => {
    const mine = ++turn;
    try {
      const hr = state.errors ? pixels(await shot("HR")) : null;
      const drawn = await Promise.all(panes.map(({ key }) => (hr && key !== "HR" && key !== "LR" ? errorMap(key, hr) : shot(key))));
      if (mine !== turn) return;
      panes.forEach(({ layer }, i) => layer.replaceChildren(drawn[i]));
      place();
    } catch (error) {
      if (mine !== turn) return;
      if (error.name === "SecurityError") {
        state.errors = $("errors").checked = false;
        say("The browser does not let a page read whole images from files; the error map works on the crops.");
        render();
      } else if (state.whole) {
        const message = `The run’s folder is not beside this page: ${decodeURIComponent(image().whole.HR ?? "")} cannot be opened.`;
        state.whole = !image().crop;
        if (image().crop) open(message);
        else say(message);
      } else say("The browser cannot decode this image.");
    }
  };
  const render = () => { stage(); place(); return fill(); };

  // Open an image: its block is read now and not before
  const open = (message = "") => {
    pictures.clear();
    const { block, crop, whole, name } = image();
    if (block) for (const [key, uri] of Object.entries(JSON.parse($(block).textContent))) pictures.set(key, uri);
    $("image").value = String(state.i);
    const there = keys();
    $("tools").hidden = $("stage").hidden = $("shown").hidden = !there.length;
    if (!there.length) {
      panes = [];
      say(`No picture of ${name} was saved: the same command with --save-images on the same --out adds them.`);
      $("stage").replaceChildren();
      return null;
    }
    if (!crop) state.whole = true;
    $("whole").checked = state.whole;
    $("whole").disabled = !whole.HR;
    say(message || (crop && !state.whole ? part() : ""));
    for (const which of ["left", "right"]) {
      options($(which), there.map((key) => [key, title(key)]), state[which]);
      state[which] = $(which).value;
    }
    stage();
    return fill().then(look);
  };
  const part = () => {
    const { crop: [x, y, width, height], size, name } = image();
    if (width === size[0] && height === size[1]) return `${name}: the whole image, ${width}×${height}.`;
    return `${name}: ${width}×${height} of ${size[0]}×${size[1]} pixels at (${x}, ${y}), where the methods differ most.`;
  };
  const order = () => {
    const numbered = gallery().images.map(({ name, difference }, i) => ({ name, difference, i }));
    if ($("order").value === "difference") numbered.sort((a, b) => b.difference - a.difference);
    options($("image"), numbered.map(({ name, i }) => [String(i), name]), String(state.i));
  };
  const step = (by) => {
    const select = $("image");
    const at = (select.selectedIndex + by + select.options.length) % select.options.length;
    state.i = Number(select.options[at].value);
    return open();
  };
  const enter = () => {
    const { methods, metrics, images } = gallery();
    state.i = 0;
    options($("protocol"), Object.keys(images[0]?.scores ?? {}).map((name) => [name, name]));
    $("protocol").parentElement.hidden = $("protocol").options.length < 2;
    options($("metric"), Object.entries(metrics).map(([name, { heading }]) => [name, heading]));
    order();
    state.i = Number($("image").value);
    const every = ["LR", ...(methods.includes("bicubic") ? [] : ["bicubic"]), ...methods, "HR"];
    state.shown = new Set(every);
    [state.left, state.right] = ["bicubic", methods.find((name) => name !== "bicubic") ?? "HR"];
    $("shown").replaceChildren($("shown").querySelector("legend"), ...every.map((key) => {
      const box = make("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => { state.shown[box.checked ? "add" : "delete"](key); render(); });
      return make("label", {}, box, title(key));
    }));
    table();
    return open();
  };

  // Scores of every image; a name opens its image
  const table = () => {
    if (!$("table").open) return;
    const { methods, metrics, images } = gallery();
    const name = $("metric").value;
    const metric = metrics[name];
    if (!metric) return;
    const head = (text, column) => make("th", { scope: "col", className: column ? "" : "text" },
      make("button", { type: "button", className: "sort", textContent: text }));
    const rows = images.map(({ name: called, scores: found }, i) => {
      const button = make("button", { type: "button", textContent: called });
      button.addEventListener("click", () => { state.i = i; open(); $("images").scrollIntoView(); });
      const row = make("tr", {}, make("th", { scope: "row", className: "text" }, button));
      row.cells[0].dataset.value = called;
      const values = methods.map((key) => number(found[protocol()]?.[key]?.[name]));
      const best = metric.better === "lower" ? Math.min(...values.filter((v) => v === v)) : Math.max(...values.filter((v) => v === v));
      methods.forEach((key, k) => {
        const cell = make("td", { textContent: figure(found[protocol()]?.[key]?.[name], metric), className: values[k] === best ? "best" : "" });
        cell.dataset.value = Number.isNaN(values[k]) ? "" : String(values[k]);
        row.append(cell);
      });
      return row;
    });
    $("every").replaceChildren(make("thead", {}, make("tr", {}, head("image", 0), ...methods.map((key, k) => head(key, k + 1)))), make("tbody", {}, ...rows));
  };
  $("every").addEventListener("click", (event) => {
    const head = event.target.closest("thead th");
    if (!head) return;
    const up = head.getAttribute("aria-sort") !== "ascending";
    window.srbenchSort($("every"), head.cellIndex, up ? "ascending" : "descending");
  });
  $("table").addEventListener("toggle", table);
  $("metric").addEventListener("change", table);

  // Controls
  const mode = (duel) => {
    state.duel = duel;
    $("grid").setAttribute("aria-pressed", String(!duel));
    $("slider").setAttribute("aria-pressed", String(duel));
    const before = side;
    stage();
    state.zoom *= side / before; // the same part of the image stays in view
    fill();
  };
  const split = (value) => {
    state.split = Math.min(100, Math.max(0, value));
    $("split").value = String(state.split);
    place();
  };
  const swap = () => {
    [state.left, state.right] = [state.right, state.left];
    [$("left").value, $("right").value] = [state.left, state.right];
    render();
  };
  const errors = (on) => { state.errors = $("errors").checked = on; render(); };
  $("gallery").addEventListener("change", () => { state.g = Number($("gallery").value); enter(); });
  $("image").addEventListener("change", () => { state.i = Number($("image").value); open(); });
  $("order").addEventListener("change", order);
  $("protocol").addEventListener("change", () => { render(); table(); });
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("grid").addEventListener("click", () => mode(false));
  $("slider").addEventListener("click", () => mode(true));
  $("in").addEventListener("click", () => zoomTo(state.zoom * 1.5));
  $("out").addEventListener("click", () => zoomTo(state.zoom / 1.5));
  $("fit").addEventListener("click", fit);
  $("errors").addEventListener("change", () => errors($("errors").checked));
  $("whole").addEventListener("change", () => { state.whole = $("whole").checked; open(); });
  $("left").addEventListener("change", () => { state.left = $("left").value; render(); });
  $("right").addEventListener("change", () => { state.right = $("right").value; render(); });
  $("swap").addEventListener("click", swap);
  $("split").addEventListener("input", () => split(Number($("split").value)));

  const pace = 40;
  const keyboard = {
    ArrowLeft: () => move(pace, 0), ArrowRight: () => move(-pace, 0), ArrowUp: () => move(0, pace), ArrowDown: () => move(0, -pace),
    "+": () => zoomTo(state.zoom * 1.5), "=": () => zoomTo(state.zoom * 1.5), "-": () => zoomTo(state.zoom / 1.5), 0: fit,
    n: () => step(1), p: () => step(-1), e: () => errors(!state.errors), s: () => mode(!state.duel),
    " ": () => { if (state.duel) swap(); }, Escape: () => $("stage").blur(),
  };
  $("stage").addEventListener("keydown", (event) => {
    const action = keyboard[event.key] ?? keyboard[event.key.toLowerCase()];
    if (!action || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("a")) return;
    event.preventDefault();
    action();
  });

  // Pointers: one drags the images, or the divider where it is near; two pinch
  const pointers = new Map();
  let dividing = false;
  const at = (event, view) => { const box = view.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  $("stage").addEventListener("pointerdown", (event) => {
    const view = event.target.closest(".view");
    if (!view || event.button) return;
    $("stage").focus({ preventScroll: true });
    view.setPointerCapture(event.pointerId);
    view.classList.add("held");
    const [x, y] = at(event, view);
    dividing = state.duel && !pointers.size && Math.abs(x - side * state.split / 100) < 22;
    pointers.set(event.pointerId, [x, y]);
  });
  $("stage").addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    const view = event.target.closest(".view");
    if (!before || !view) return;
    const now = at(event, view);
    if (pointers.size === 2) {
      const [other] = [...pointers.entries()].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      const distance = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
      zoomTo(state.zoom * distance(now) / distance(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    } else if (dividing) split(100 * now[0] / side);
    else move(now[0] - before[0], now[1] - before[1]);
    pointers.set(event.pointerId, now);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    $("stage").addEventListener(kind, (event) => {
      pointers.delete(event.pointerId);
      event.target.closest(".view")?.classList.remove("held");
    });
  }
  $("stage").addEventListener("wheel", (event) => {
    const view = event.target.closest(".view");
    if (!view || !(event.ctrlKey || event.metaKey)) return; // plain scrolling stays the page's
    event.preventDefault();
    zoomTo(state.zoom * Math.exp(-event.deltaY / 300), ...at(event, view));
  }, { passive: false });
  $("stage").addEventListener("dblclick", (event) => {
    const view = event.target.closest(".view");
    if (view) zoomTo(state.zoom * 2, ...at(event, view));
  });
  new ResizeObserver(() => {
    const view = $("stage").querySelector(".view");
    const width = view?.clientWidth;
    if (!width || width === side) return;
    state.zoom *= width / side;
    side = width;
    place();
  }).observe($("stage"));

  const ramp = $("ramp").getContext("2d");
  for (let x = 0; x < 128; x += 1) {
    ramp.fillStyle = `rgb(${colour(x / 127).map(Math.round).join(" ")})`;
    ramp.fillRect(x, 0, 1, 12);
  }
  enter();
})();
