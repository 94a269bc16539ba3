// Which classes are taken for which others, and the worst mistakes.

import { percent, short, whole } from "./numbers.js";

// `ids` are those of the note, the table and the sheet of mistakes.
export function confusion({ t, h, say, fill }, ids) {
  const note = h("p", { class: "note", id: ids.note });
  const table = h("table", { class: "confusion", id: ids.table });
  const sheet = h("div", { class: "sheet", id: ids.mistakes });
  let cells = [];

  function prepare(classes) {
    const head = h("tr", {}, h("td", {}), classes.map((name) => h("th", { scope: "col" }, name)));
    cells = classes.map(() => classes.map(() => h("td", {})));
    const rows = cells.map((row, i) => h("tr", {}, h("th", { scope: "row" }, classes[i]), row));
    fill(table, head, rows);
  }

  function show({ images, accuracy, loss, matrix, mistakes }, classes) {
    say(note, t("judged_note", { images: whole(images), accuracy: percent(accuracy), loss: short(loss, 4) }));
    if (matrix) {
      if (cells.length !== classes.length) prepare(classes);
      matrix.forEach((row, i) => {
        const all = row.reduce((sum, count) => sum + count, 0);
        row.forEach((count, j) => {
          const cell = cells[i][j];
          say(cell, count ? String(count) : "");
          cell.className = count ? (i === j ? "right" : "wrong") : "";
          cell.style.setProperty("--share", all ? count / all : 0);
          cell.title = t("confused", { images: count, label: classes[i], predicted: classes[j] });
        });
      });
    } else fill(table, h("caption", {}, t("too_many_classes")));
    fill(
      sheet,
      mistakes.length
        ? mistakes.map((one) => {
            const told = t("mistake", { ...one, confidence: percent(one.confidence) });
            return h("figure", {}, one.picture && h("img", { src: one.picture, alt: told }), h("figcaption", {}, told));
          })
        : h("p", {}, t("no_mistakes")),
    );
  }

  return {
    element: h(
      "section",
      { class: "judged" },
      h("div", {}, h("h2", {}, t("judged")), note, h("div", { class: "wide" }, table)),
      h("div", {}, h("h2", {}, t("mistakes")), sheet),
    ),
    show,
  };
}
