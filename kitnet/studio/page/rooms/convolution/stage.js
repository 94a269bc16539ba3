// Padded input, filters and output side by side, and the sum that makes the present number.

import { short } from "../../numbers.js";
import { factor, grid } from "./grid.js";

export function stage(studio, told, go) {
  const { t, h, fill } = studio;
  const inputs = told.padded.map((plane, c) => grid(studio, plane, t("input_of", { map: c }), { "data-map": c }));
  for (const { cells } of inputs) {
    const [[top, bottom], [left, right]] = told.inside;
    cells.forEach((row, i) => row.forEach((cell, j) => cell.classList.toggle("padding", i < top || i >= bottom || j < left || j >= right)));
  }
  const filters = told.filters.map((planes, k) => planes.map((plane, c) => grid(studio, plane, t("filter_of", { filter: k, map: c }))));
  const steps = new Map(told.sums.map((sum, step) => [sum.at.join(), step]));
  const outputs = told.y.map((plane, k) => {
    const made = grid(studio, plane, t("output_of", { filter: k }), { "data-filter": k });
    made.cells.forEach((row, i) => row.forEach((cell, j) => cell.addEventListener("click", () => go(steps.get([i, j, k].join())))));
    return made;
  });
  const arithmetic = h("div", { class: "arithmetic" });
  const line = h("p", { class: "sum", id: "conv-sum" });
  let marked = [];

  function mark(cell, name) {
    cell.classList.add(name);
    marked.push([cell, name]);
  }

  // The window of this number on its maps, the filter, and all outputs up to it.
  function at(step, sum) {
    for (const [cell, name] of marked) cell.classList.remove(name);
    marked = [];
    const k = sum.at[2];
    const [down, right] = told.dilation;
    sum.maps.forEach((c) => {
      filters[k][0].cells.forEach((row, r) => row.forEach((_, s) => mark(inputs[c].cells[sum.start[0] + r * down][sum.start[1] + s * right], "window")));
    });
    filters[k].forEach(({ cells }) => cells.forEach((row) => row.forEach((cell) => mark(cell, "window"))));
    told.sums.forEach(({ at: [i, j, filter] }, other) => {
      const cell = outputs[filter].cells[i][j];
      cell.classList.toggle("later", other > step);
      if (other === step) mark(cell, "now");
    });
    describe(sum, k);
  }

  function describe(sum, k) {
    const [down, right] = told.dilation;
    const rows = sum.maps.map((c, i) => {
      const seen = filters[k][i].cells.map((row, r) => row.map((_, s) => told.padded[c][sum.start[0] + r * down][sum.start[1] + s * right]));
      return h(
        "div",
        { class: "product" },
        h("span", { class: "what" }, t("map_of", { map: c })),
        grid(studio, seen, t("window_of", { map: c })).element,
        h("span", {}, "×"),
        grid(studio, told.filters[k][i], t("filter_of", { filter: k, map: c })).element,
        h("span", {}, "="),
        grid(studio, sum.products[i], t("products_of", { map: c }), { class: "plane products" }).element,
        h("span", {}, t("sum_is", { sum: short(sum.sums[i], 6) })),
      );
    });
    fill(arithmetic, rows);
    const parts = [...sum.sums.map(factor), factor(sum.bias)].join(" + ");
    fill(line, h("code", {}, `y[${sum.at.join(", ")}] = ${parts} = ${short(sum.value, 6)}`), " ", h("span", { class: "note" }, t("sum_note")));
  }

  const volume = (title, note, tables, kind) => h("div", { class: `volume-of ${kind}` }, h("h3", {}, title), h("p", { class: "note" }, note), tables);
  const element = h(
    "div",
    { class: "beside" },
    h(
      "div",
      { class: "stage wide", tabindex: 0, "aria-label": t("conv_title") },
      volume(t("input_padded"), t("padding_note"), inputs.map((one) => one.element), "inputs"),
      filters.map((planes, k) => volume(t("filter_number", { filter: k }), t("bias_is", { bias: short(told.b[k], 4) }), planes.map((one) => one.element), "of-filter")),
      volume(t("output"), t("output_note"), outputs.map((one) => one.element), "outputs"),
    ),
    h("div", { class: "worked" }, h("h3", {}, t("arithmetic")), h("div", { class: "wide", tabindex: 0, "aria-label": t("arithmetic") }, arithmetic), line),
  );
  return { element, at };
}
