// One plane of an array, enlarged: a number is chosen by mouse or arrow keys, and shown as a number.

import { coloured, inkOn, theme } from "../../colours.js";
import { short, whole } from "../../numbers.js";
import { indexOf, nameOf, placeOf } from "./places.js";

const SIDE = 384; // pixels of the longer side, about
const LARGEST = 48; // of a number's square
const READABLE = 34; // pixels of a square from which on numbers are written

export function enlarged({ client, t, h, say, fill }, { choose, hover }) {
  const canvas = h("canvas", { id: "enlarged", tabindex: 0, role: "img", onkeydown: key, onclick: (event) => pick(event, choose), onmousemove: (event) => pick(event, hover) });
  const paths = h("select", { "aria-label": t("inside_value"), id: "path", onchange: () => choose(opening(paths.value)) });
  const plane = h("input", { type: "number", min: 0, id: "plane", "aria-label": t("inside_map"), onchange: () => turn(Number(plane.value) - array.plane) });
  const count = h("span", { class: "note" });
  const number = h("output", { id: "number", class: "number" });
  let array = null; // the plane that is shown
  let values = [];
  let at = null;
  let told = null;
  let asked = 0;

  // The first number of what a select's option says.
  function opening(value) {
    const backward = value.startsWith("d ");
    const path = backward ? value.slice(2) : value;
    return { path, backward, index: told.shapes[path].map(() => 0) };
  }

  function pick(event, act) {
    if (!array) return;
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * array.width);
    const row = Math.floor(((event.clientY - box.top) / box.height) * array.height);
    const inside = row >= 0 && column >= 0 && row < array.height && column < array.width;
    const index = inside ? indexOf(array.shape, array.width, { plane: array.plane, row, column }) : null;
    if (index) act({ ...at, index });
  }

  function key(event) {
    const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!array) return;
    if (event.key === "PageDown" || event.key === "PageUp") turn(event.key === "PageDown" ? 1 : -1);
    else if (across || down) {
      const place = placeOf(array.shape, array.width, at.index);
      const row = Math.min(array.height - 1, Math.max(0, place.row + down));
      const column = Math.min(array.width - 1, Math.max(0, place.column + across));
      const index = indexOf(array.shape, array.width, { plane: array.plane, row, column });
      if (index) choose({ ...at, index });
    } else return;
    event.preventDefault();
  }

  // Go so many planes on.
  function turn(by) {
    const to = Math.min(array.planes - 1, Math.max(0, array.plane + by));
    const place = { ...placeOf(array.shape, array.width, at.index), plane: to };
    choose({ ...at, index: indexOf(array.shape, array.width, place) });
  }

  function kind() {
    if (at.backward || told.learned.includes(at.path)) return "around";
    return told.columns[0]?.path === at.path ? "grey" : "values";
  }

  function draw() {
    const { width, height } = array;
    const each = Math.max(1, Math.min(LARGEST, Math.floor(SIDE / Math.max(width, height))));
    const context = canvas.getContext("2d");
    const colour = coloured(array.least, array.largest, kind());
    canvas.width = width * each;
    canvas.height = height * each;
    canvas.style.width = `${canvas.width}px`;
    context.font = "10px sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let i = 0; i < values.length; i++) {
      if (Number.isNaN(values[i])) continue;
      const [x, y] = [(i % width) * each, Math.floor(i / width) * each];
      const found = colour(values[i]);
      context.fillStyle = `rgb(${found})`;
      context.fillRect(x, y, each, each);
      if (each >= READABLE) {
        context.fillStyle = inkOn(found);
        context.fillText(short(values[i]), x + each / 2, y + each / 2, each - 2);
      }
    }
    const { row, column } = placeOf(array.shape, width, at.index);
    context.strokeStyle = theme("red");
    context.lineWidth = 2;
    context.strokeRect(column * each + 1, row * each + 1, Math.max(2, each - 2), Math.max(2, each - 2));
    const value = values[row * width + column];
    canvas.setAttribute("aria-label", t("inside_enlarged", { name: nameOf(at), value: short(value, 6) }));
    say(number, `${nameOf(at)} = ${short(value, 6)}`);
  }

  return {
    element: h(
      "div",
      { class: "enlarged" },
      h("div", { class: "row" }, paths, h("label", {}, t("inside_map"), " ", plane), count),
      h("div", { class: "wide" }, canvas),
      h("p", {}, number),
      h("p", { class: "note" }, t("inside_keys")),
    ),
    focus: () => canvas.focus({ preventScroll: true }),
    // A look: what there is to enlarge.
    set(look, backward) {
      told = look;
      array = null;
      const names = Object.keys(look.shapes).filter((path) => look.shapes[path].length && (backward || !look.learned.includes(path)));
      fill(paths, names.map((path) => h("option", { value: backward ? `d ${path}` : path }, backward ? `d ${path}` : path)));
    },
    // Point to a number, if it is on the plane that is shown.
    point(place) {
      if (!array || place.path !== at.path || place.backward !== at.backward) return;
      if (placeOf(array.shape, array.width, place.index).plane !== array.plane) return;
      at = place;
      draw();
    },
    // Show a number; of another plane all numbers are asked for first. Raises what asking raises.
    async show(place) {
      const { path, backward } = place;
      const shape = told.shapes[path];
      const to = placeOf(shape, 1, place.index).plane;
      const ask = ++asked;
      if (!array || array.look !== told.look || at.path !== path || at.backward !== backward || array.plane !== to) {
        const found = await client.ask("/inside/plane", { look: told.look, path, backward, plane: to });
        if (ask !== asked) return;
        array = { ...found, look: told.look };
        values = new Float32Array(Uint8Array.from(atob(found.values), (letter) => letter.charCodeAt(0)).buffer);
      }
      at = place;
      paths.value = `${backward ? "d " : ""}${path}`;
      plane.max = array.planes - 1;
      plane.value = array.plane;
      say(count, t("inside_of_maps", { count: whole(array.planes) }));
      draw();
    },
  };
}
