// A plane of numbers as a table.

import { short } from "../../numbers.js";

// The cells of the table are in `cells`, row by row.
export function grid({ h }, rows, label, attributes = {}) {
  const cells = rows.map((row) => row.map((value) => h("td", {}, short(value, 4))));
  return { cells, element: h("table", { class: "plane", "aria-label": label, ...attributes }, h("tbody", {}, cells.map((row) => h("tr", {}, row)))) };
}

// Numbers with a sign before those below 0, so that they stand behind a times sign.
export function factor(value) {
  return value < 0 ? `(${short(value, 4)})` : short(value, 4);
}
