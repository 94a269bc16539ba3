// A map of numbers in which some places stand out.

import { coloured, inkOn, theme } from "../../colours.js";
import { short } from "../../numbers.js";

const SIDE = 300; // pixels of the longer side, about
const LARGEST = 40; // of a number's square
const READABLE = 32;

export class Field {
  #canvas;

  constructor({ h }, name) {
    this.#canvas = h("canvas", { role: "img", "aria-label": name });
    this.element = h("figure", { class: "window" }, h("figcaption", {}, name), h("div", { class: "wide" }, this.#canvas));
  }

  // Rows of numbers, null where there is none yet, and the places that stand out.
  draw(values, marked) {
    const [high, wide] = [values.length, values[0].length];
    const each = Math.max(1, Math.min(LARGEST, Math.floor(SIDE / Math.max(high, wide))));
    const canvas = this.#canvas;
    const context = canvas.getContext("2d");
    const all = values.flat().filter((value) => value !== null);
    const colour = coloured(Math.min(0, ...all), Math.max(0, ...all), "around");
    canvas.width = wide * each;
    canvas.height = high * each;
    Object.assign(context, { font: "10px sans-serif", textAlign: "center", textBaseline: "middle" });
    values.forEach((row, i) => row.forEach((value, j) => {
      if (value === null) return;
      const found = colour(value);
      context.fillStyle = `rgb(${found})`;
      context.fillRect(j * each, i * each, each, each);
      if (each < READABLE) return;
      context.fillStyle = inkOn(found);
      context.fillText(short(value, 2), (j + 0.5) * each, (i + 0.5) * each, each - 2);
    }));
    Object.assign(context, { strokeStyle: theme("red"), lineWidth: 2 });
    for (const [i, j] of marked) context.strokeRect(j * each + 1, i * each + 1, Math.max(1, each - 2), Math.max(1, each - 2));
  }
}
