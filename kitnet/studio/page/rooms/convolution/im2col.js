// The matrix whose rows are the windows, and the filters as columns beside it.

import { short } from "../../numbers.js";

export function im2col({ t, h, fill }, told) {
  const per = told.columns.length / told.groups; // filters of a group
  const tables = told.rows.map((rows) => rows.map((row, p) => h("tr", {}, h("th", { scope: "row" }, p), row.map((value) => h("td", {}, short(value, 4))))));
  const positions = told.rows[0].length;
  const holder = h("div", { class: "wide", tabindex: 0, "aria-label": t("im2col") });
  const note = h("p", { class: "note" });
  let group = -1;
  let marked = null;
  let column = null;

  function open(k) {
    group = Math.floor(k / per);
    const taps = told.rows[group][0].length;
    fill(note, t("im2col_note", { rows: positions, columns: taps }), told.groups > 1 ? ` ${t("group_of", { group, groups: told.groups })}` : "");
    column = h("tr", { class: "filter-row" }, h("th", { scope: "row" }, ""));
    fill(holder, h("table", { class: "im2col", id: "im2col" }, h("thead", {}, column), h("tbody", {}, tables[group])));
  }

  function at(step, sum) {
    const k = sum.at[2];
    if (Math.floor(k / per) !== group) open(k);
    marked?.classList.remove("now");
    marked = tables[group][step % positions];
    marked.classList.add("now");
    fill(column, h("th", { scope: "row" }, `w${k}`), told.columns[k].map((value) => h("td", {}, short(value, 4))));
  }

  return { element: h("div", {}, h("h3", {}, t("im2col")), note, holder), at };
}
