// The strip: a column of maps for each layer, and the best classes at its end. A tile is reached by arrow keys;
// Enter or a click enlarges it. A frame shows what the chosen number was made of.

import { coloured } from "../../colours.js";
import { percent, short, volume, whole } from "../../numbers.js";
import { indexOf, placeOf } from "./places.js";

const SCALES = ["own", "size", "all"]; // of colours: a layer's, that of layers of one size, that of all
let kept = SCALES[0];
const TALLEST = 46; // pixels of a tile, about
const HALO = 14; // of the smallest one

export function columns({ t, h, fill }, backward, { enlarge, hover }) {
  const scale = h("select", { id: "scale", onchange: () => rescale() }, SCALES.map((one) => h("option", { value: one, selected: one === kept }, t(`inside_scale_${one}`))));
  let look = null;
  const list = h("div", { class: "columns", id: "columns", role: "group", "aria-label": t("inside_columns"), onkeydown: move });
  let tiles = []; // by column
  let shown = new Map(); // by path: what is told of an array, and its tiles
  let frames = [];

  // The ends of the colours of a layer's value. The input has its own: it is what is given.
  function ends(told) {
    const alike = { own: () => false, size: (one) => String(one.shape.slice(0, -1)) === String(told.shape.slice(0, -1)), all: () => true }[kept];
    const some = look.columns.filter((one) => one === told || (told.layer && one.layer && alike(one)));
    return { least: Math.min(...some.map((one) => one.least)), largest: Math.max(...some.map((one) => one.largest)) };
  }

  function rescale() {
    kept = scale.value;
    show();
  }

  function tile(array, path, number, kind, scaled = array) {
    const canvas = h("canvas", {});
    const label = `${backward ? "d " : ""}${path} ${number}`;
    const button = h("button", { class: "tile", tabindex: -1, "aria-label": t("inside_tile", { name: label }) }, canvas);
    draw(canvas, array, number, kind, scaled);
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const column = array.every * Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
      const row = array.every * Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
      const inside = row >= 0 && column >= 0 && row < array.height && column < array.width;
      const index = inside ? indexOf(array.shape, array.width, { plane: number, row, column }) : null;
      return index && { path, index, backward };
    };
    const first = () => ({ path, backward, index: indexOf(array.shape, array.width, { plane: number, row: 0, column: 0 }) });
    button.addEventListener("mousemove", (event) => {
      const place = at(event);
      if (place) hover(place);
    });
    button.addEventListener("click", (event) => enlarge((event.detail > 0 && at(event)) || first()));
    return button;
  }

  function column(told) {
    const kind = backward ? "around" : told.layer ? "values" : "grey";
    const own = Array.from({ length: told.colour ? 1 : told.shown }, (_, i) => tile(told, told.path, i, told.colour ? "colour" : kind, ends(told)));
    const learned = told.parameters.flatMap((one) => [
      h("span", { class: "note" }, `d ${one.path}`),
      ...Array.from({ length: Math.min(3, one.shown) }, (_, i) => tile(one, one.path, i, "around")),
    ]);
    shown.set(told.path, { told, own });
    const left = told.planes - (told.colour ? told.planes : told.shown);
    tiles.push([...own, ...learned.filter((one) => one.tagName === "BUTTON")]);
    return h(
      "div",
      { class: "column", "data-path": told.path },
      h("b", { title: told.layer }, told.path),
      h("span", { class: "note" }, volume(told.shape)),
      own,
      left > 0 && h("span", { class: "note" }, t("more_maps", { count: whole(left) })),
      h("span", { class: "note" }, short(told.least)),
      h("span", { class: "note" }, short(told.largest)),
      learned,
    );
  }

  function best(told) {
    const numbers = told.best.map(([, value]) => value);
    const least = Math.min(...numbers);
    const reach = Math.max(...numbers) - least || 1;
    const bar = ([name, value]) => {
      const filled = h("i", {});
      filled.style.width = percent(told.probable ? value : (value - least) / reach);
      return h("div", { class: "bar" }, filled, h("span", {}, `${name} ${told.probable ? percent(value) : short(value)}`));
    };
    return h("div", { class: "best", id: "best" }, h("b", {}, t("inside_best")), told.best.map(bar));
  }

  // Frame these rows and columns of a map, if it has a tile.
  function frame(path, map, rows, columns, name) {
    const found = shown.get(path);
    const tile = found?.own[found.told.colour ? 0 : map];
    if (!tile) return;
    const { width, height, every } = found.told;
    const [wide, high] = [width, height].map((size) => every * Math.ceil(size / every));
    const framed = h("i", { class: name });
    framed.style.left = percent(columns[0] / wide);
    framed.style.top = percent(rows[0] / high);
    framed.style.width = percent((columns[1] - columns[0] + 1) / wide);
    framed.style.height = percent((rows[1] - rows[0] + 1) / high);
    tile.append(framed);
    frames.push(framed);
  }

  function move(event) {
    const i = tiles.findIndex((some) => some.includes(document.activeElement));
    if (i < 0) return;
    const j = tiles[i].indexOf(document.activeElement);
    const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!across && !down) return;
    const next = tiles[Math.min(tiles.length - 1, Math.max(0, i + across))];
    const to = next[Math.min(next.length - 1, Math.max(0, j + down))];
    document.activeElement.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    event.preventDefault();
  }

  function show() {
    tiles = [];
    shown = new Map();
    frames = [];
    fill(list, look.columns.map(column), best(look));
    if (tiles[0]) tiles[0][0].tabIndex = 0;
  }

  return {
    element: h("div", {}, h("label", { class: "note" }, t("inside_scale"), " ", scale), list),
    // Frame the number at this place, and what the steps to it have read.
    mark(place, steps) {
      for (const one of frames) one.remove();
      frames = [];
      const of = shown.get(place.path)?.told;
      if (of?.shape.length === place.index.length) {
        const { plane, row, column } = placeOf(of.shape, of.width, place.index);
        frame(place.path, plane, [row, row], [column, column], "chosen");
      }
      for (const { path, maps, rows, columns } of steps.flatMap((one) => one.parts).flatMap((one) => one.reads)) {
        const own = backward === path.startsWith("d ") && path.replace(/^d /, "");
        if (own) for (const map of maps) frame(own, map, rows, columns, "read");
      }
    },
    set(told) {
      look = told;
      show();
    },
  };
}

function draw(canvas, array, number, kind, scaled) {
  const bytes = Uint8Array.from(atob(array.pixels), (letter) => letter.charCodeAt(0));
  const width = Math.ceil(array.width / array.every);
  const height = Math.ceil(array.height / array.every);
  const each = width * height;
  const image = new ImageData(width, height);
  const colour = coloured(scaled.least, scaled.largest, kind);
  for (let i = 0; i < each; i++) {
    const share = bytes[number * each + i] / 255;
    const found = kind === "colour" ? [0, 1, 2].map((c) => bytes[c * each + i]) : colour(array.least + share * (array.largest - array.least));
    image.data.set([...found, 255], 4 * i);
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  const factor = Math.max(TALLEST / Math.max(width, height), width === 1 ? 4 : 0);
  canvas.style.width = `${Math.max(HALO, width * factor)}px`;
  canvas.style.height = `${height * factor}px`;
}
