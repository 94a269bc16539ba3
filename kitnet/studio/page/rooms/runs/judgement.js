// What the best model of one run says of the images that it has not learned from.

import { confusion } from "../../confusion.js";
import { percent, whole } from "../../numbers.js";
import { section } from "./section.js";

const PARTS = { test: "judged_test", validation: "judged_validation" };

export function judgement(studio) {
  const { t, h, say, fill } = studio;
  function draw(told, found, status) {
    say(status, t(PARTS[told.part]));
    const { element, show: showMatrix } = confusion(studio, { note: "run-note", table: "run-confusion", mistakes: "run-mistakes" });
    showMatrix(told.judged, told.classes);
    const scores = told.scores.map(([label, precision, recall, support]) => [label, percent(precision, 2), percent(recall, 2), whole(support)]);
    const confused = told.confused.map(([label, predicted, images]) => [label, predicted, whole(images)]);
    fill(
      found,
      element,
      h("div", { class: "side-by-side" }, titled("class_scores", "scores", ["class", "precision", "recall", "support"], scores), confused.length > 0 && titled("most_confused", "confused", ["class", "taken_for", "images"], confused)),
    );
  }

  function titled(key, id, columns, rows) {
    const cells = (row) => row.map((cell, i) => h(i ? "td" : "th", i ? {} : { scope: "row" }, cell));
    return h(
      "div",
      {},
      h("h3", {}, t(key)),
      h("div", { class: "wide", tabindex: 0 }, h("table", { class: "list", id: `run-${id}` }, h("thead", {}, h("tr", {}, columns.map((one) => h("th", { scope: "col" }, t(`column_${one}`))))), h("tbody", {}, rows.map((row) => h("tr", {}, cells(row)))))),
    );
  }

  return section(studio, {
    id: "judgement",
    button: "judge",
    route: "/judged",
    words: { title: t("judged"), titleOf: (run) => t("judged_run", { run }), note: t("judge_note"), button: t("judge") },
    tell: (ready, all) => t("judging", { ready, all }),
    draw,
  });
}
