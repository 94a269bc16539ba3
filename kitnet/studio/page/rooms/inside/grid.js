// The numbers of a window side by side: of small ones each as a number that can be followed, of larger ones as
// pictures that tell the number under the mouse.

import { coloured, inkOn } from "../../colours.js";
import { short } from "../../numbers.js";
import { nameOf } from "./places.js";

const SMALL = 121; // numbers of a grid that are written
const LONGEST = 11; // of a row
const SIDE = 168; // pixels of a picture

// One grid: { title, values, indices, place }; a number is followed by `follow(place(index))`, where that is
// given and not null. `mark(index)` says whether a number stands out.
export function grid({ h, say }, { title, rows, columns, values, indices, place, mark }, follow) {
  const all = values.flat().filter((one) => one !== null);
  const colour = coloured(Math.min(...all), Math.max(...all), "around");
  const to = (row, column) => (values[row][column] === null || !indices ? null : (place?.(indices[row][column]) ?? null));
  const small = values.length * values[0].length <= SMALL && values[0].length <= LONGEST;
  const body = small ? table() : picture();

  function table() {
    const cell = (value, row, column) => {
      if (value === null) return h("td", { class: "none" });
      const at = to(row, column);
      const text = short(value);
      const told = at && h("button", { class: "follow", title: nameOf(at), onclick: () => follow(at) }, text);
      const found = h("td", { class: mark?.(indices[row][column]) && "marked", "data-value": value }, told ?? text);
      found.style.background = `rgb(${colour(value)})`;
      found.style.color = inkOn(colour(value));
      return found;
    };
    const head = h("tr", {}, h("td", {}), columns.map((one) => h("th", { scope: "col" }, String(one))));
    const row = (some, i) => h("tr", {}, h("th", { scope: "row" }, String(rows[i])), some.map((value, j) => cell(value, i, j)));
    return h("table", { class: "grid" }, head, values.map(row));
  }

  function picture() {
    const [high, wide] = [values.length, values[0].length];
    const canvas = h("canvas", { width: wide, height: high, role: "img", "aria-label": title });
    const text = h("span", { class: "note" });
    const image = new ImageData(wide, high);
    values.flat().forEach((value, i) => image.data.set(value === null ? [0, 0, 0, 0] : [...colour(value), 255], 4 * i));
    canvas.getContext("2d").putImageData(image, 0, 0);
    const factor = Math.max(1, Math.floor(SIDE / Math.max(high, wide)));
    canvas.style.width = `${wide * factor}px`;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const row = Math.min(high - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * high)));
      const column = Math.min(wide - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * wide)));
      return [row, column];
    };
    canvas.addEventListener("mousemove", (event) => {
      const [row, column] = at(event);
      say(text, `${rows[row]},${columns[column]}: ${short(values[row][column], 4)}`);
    });
    canvas.addEventListener("click", (event) => {
      const found = to(...at(event));
      if (found) follow(found);
    });
    return h("div", {}, canvas, h("br"), text);
  }

  return h("figure", { class: "window" }, h("figcaption", {}, title), body);
}
