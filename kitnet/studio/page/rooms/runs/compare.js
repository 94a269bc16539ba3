// Curves of some runs over each other, what became of them, and where their settings differ.

import { canvas, chart } from "../../charts.js";
import { theme } from "../../colours.js";
import { percent, short, whole } from "../../numbers.js";

const COLOURS = ["blue", "orange", "green", "red", "mark", "text"];
const PARTS = { train: "training", val: "validation", test: "test_part" };
const KINDS = [
  { key: "loss", format: (value) => short(value, 4), exact: (value) => short(value, 4) },
  { key: "accuracy", format: (value) => percent(value), exact: (value) => percent(value, 2) },
];
const RESULTS = [
  "epochs", "best_epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy",
  "val_elbo", "test_elbo", "parameters", "seconds", "images_per_second",
];

export function compare({ client, t, h, say, fill }) {
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const shown = h("div", {});
  let plots = [];
  let asked = 0;

  function leave() {
    asked++;
    for (const plot of plots) plot.leave();
    plots = [];
  }

  async function show(names) {
    leave();
    const number = asked;
    say(error, "");
    error.hidden = true;
    if (!names.length) return fill(shown, h("p", {}, t("none_chosen")));
    try {
      const told = await client.ask("/compare", { runs: names });
      if (number === asked) draw(told);
    } catch (reason) {
      if (number !== asked) return;
      say(error, reason.message);
      error.hidden = false;
      fill(shown);
    }
  }

  function draw(told) {
    const made = KINDS.filter(({ key }) => told.curves[key].length).map((kind) => ({ ...kind, element: canvas() }));
    fill(
      shown,
      h("p", { class: "note" }, t("compare_key")),
      made.length ? h("div", { class: "charts" }, made.map((kind) => h("div", {}, h("h3", {}, t(kind.key)), kind.element))) : h("p", {}, t("no_epochs")),
      made.length > 0 && h("details", {}, h("summary", {}, t("numbers")), h("div", { class: "wide", tabindex: 0 }, made.map((kind) => numbers(kind, told)))),
      results(told),
      h("h3", {}, t(told.names.length > 1 ? "differing" : "settings")),
      told.names.length > 1 && (told.differing.length ? table("differing", ["", ...told.names], told.differing) : h("p", { id: "differing" }, t("nothing_differs"))),
      told.names.length > 1 ? h("details", {}, h("summary", {}, t("alike")), table("alike", [], told.alike)) : table("alike", [], told.alike),
    );
    plots = made.map(({ key, element, format }) => {
      const curves = told.curves[key];
      const series = curves.map((one) => ({ label: label(one, told), colour: COLOURS[one.number], dashed: one.dashed, points: true }));
      const plot = chart(element, t("epoch"), series, () => [], format);
      plot.set(...window.uPlot.join(curves.map((one) => [one.epochs, one.values])));
      return plot;
    });
  }

  const label = (one, told) => `${told.names[one.number]} · ${t(PARTS[one.dashed ? "train" : told.held_out[one.number]])}`;

  // Every number that is drawn.
  function numbers({ key, exact }, told) {
    const curves = told.curves[key];
    const [epochs, ...columns] = window.uPlot.join(curves.map((one) => [one.epochs, one.values]));
    const rows = epochs.map((epoch, i) => [String(epoch), ...columns.map((column) => exact(column[i] ?? null))]);
    return table(`numbers-${key}`, [t(key), ...curves.map((one) => label(one, told))], rows);
  }

  function results(told) {
    const rows = RESULTS.filter((name) => name in told.results).map((name) => [t(name), ...told.results[name].map((value) => result(name, value))]);
    const marked = told.names.map((name, i) => {
      const key = h("i", { class: "swatch" });
      key.style.background = theme(COLOURS[i]);
      return h("span", {}, key, name);
    });
    return h("div", {}, h("h3", {}, t("results")), table("results", ["", ...marked], rows), rows.length === 0 && h("p", { class: "note" }, t("no_results")));
  }

  function table(id, head, rows) {
    const cells = (row) => row.map((cell, i) => h(i ? "td" : "th", i ? {} : { scope: "row" }, cell));
    return h(
      "div",
      { class: "wide", tabindex: 0 },
      h("table", { class: "list", id }, head.length > 0 && h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows.map((row) => h("tr", {}, cells(row))))),
    );
  }

  return {
    element: h("section", { id: "compare" }, h("h2", {}, t("over_each_other")), error, shown),
    show,
    leave,
  };
}

function result(name, value) {
  if (value === null) return "–";
  if (name.endsWith("accuracy")) return percent(value, 2);
  return Number.isInteger(value) ? whole(value) : short(value, 4);
}
