// What the best model of one run says of the images that it has not learned from.

import { confusion } from "../../confusion.js";
import { percent, whole } from "../../numbers.js";
import { answered } from "./waiting.js";

const PARTS = { test: "judged_test", validation: "judged_validation" };

export function judgement(studio) {
  const { client, t, h, say, fill } = studio;
  const title = h("h2", {});
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const status = h("p", { class: "note", role: "status" });
  const begin = h("button", { id: "judge", onclick: judge }, t("judge"));
  const found = h("div", { id: "judgement" });
  let name = "";
  let asked = 0;

  function show(run) {
    asked++;
    if (run === name && found.childElementCount) return;
    name = run;
    say(title, run ? t("judged_run", { run }) : t("judged"));
    say(status, t("judge_note"));
    begin.disabled = !run;
    error.hidden = true;
    fill(found);
  }

  async function judge() {
    const number = ++asked;
    begin.disabled = true;
    error.hidden = true;
    try {
      const goes = () => number === asked;
      const tell = ({ done, all }) => say(status, all ? t("judging", { ready: done, all }) : t("waiting"));
      const told = await answered(client, "/judged", { run: name }, tell, goes);
      if (told) draw(told);
    } catch (reason) {
      if (number !== asked) return;
      say(error, reason.message);
      error.hidden = false;
    }
    if (number === asked) begin.disabled = false;
  }

  function draw(told) {
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

  return {
    element: h("section", { class: "of-run" }, title, h("div", { class: "row" }, begin, status), error, found),
    show,
    leave: () => asked++,
  };
}
