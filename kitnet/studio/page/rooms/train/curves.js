// Loss and accuracy over the steps.

import { canvas, chart } from "../../charts.js";
import { percent, short } from "../../numbers.js";

const KINDS = [
  { key: "loss", at: 2, format: short },
  { key: "accuracy", at: 3, format: (value) => percent(value) },
];
const SERIES = [
  { key: "training", colour: "blue" },
  { key: "training_epoch", colour: "green", dashed: true, points: true },
  { key: "validation", colour: "orange", points: true },
];

let from = { folder: null, step: 0 }; // what was before is not shown

export function curves({ client, t, h, say }) {
  const button = h("button", { id: "from-here", onclick: () => begin() });
  const first = () => (from.folder === client.latest("run")?.folder ? from.step : 0);
  const after = (rows) => rows.filter((row) => row[0] >= first());
  const offs = [];
  const marks = () => (client.latest("changes")?.changes ?? []).map((change) => change.done);
  const nothing = h("p", { class: "note" }, t("no_points"));
  const made = KINDS.map((kind) => ({ ...kind, element: canvas(), values: h("p", { class: "values", id: `${kind.key}-now` }) }));
  let waiting = false;

  function begin() {
    from = { folder: client.latest("run")?.folder, step: first() ? 0 : (client.points.at(-1)?.[0] ?? 0) };
    draw();
  }

  // At most once a picture of the screen.
  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      for (const kind of made) if (kind.plot) set(kind);
      nothing.hidden = client.points.length > 0;
      button.hidden = !client.points.length;
      say(button, t(first() ? "from_start" : "from_here"));
    });
  }

  function set({ key, at, format, plot, values }) {
    const [points, epochs] = [client.points, client.epochs].map(after);
    const column = (rows, i) => [rows.map((row) => row[0]), rows.map((row) => row[i])];
    const validated = epochs.filter((row) => row[at + 2] !== null);
    plot.set(...window.uPlot.join([column(points, at), column(epochs, at), column(validated, at + 2)]));
    const last = [points.at(-1)?.[at], epochs.at(-1)?.[at], validated.at(-1)?.[at + 2]];
    const told = SERIES.map((one, i) => (last[i] === undefined ? null : `${t(one.key)} ${format(last[i])}`));
    say(values, told.filter(Boolean).join(" · "));
    Object.assign(values.dataset, { [key]: last[0] ?? "", points: points.length });
  }

  for (const kind of ["curve", "epochs", "step", "epoch", "changes"]) offs.push(client.on(kind, draw));
  return {
    element: h(
      "section",
      { class: "curves" },
      h("div", { class: "row" }, h("h2", {}, t("curves")), button),
      nothing,
      h("div", { class: "charts" }, made.map((kind) => h("div", {}, h("h3", {}, t(kind.key)), kind.values, kind.element))),
    ),
    mounted() {
      const series = SERIES.map((one) => ({ ...one, label: t(one.key) }));
      for (const kind of made) kind.plot = chart(kind.element, t("steps_done"), series, marks, kind.format);
      draw();
    },
    leave() {
      for (const kind of made) kind.plot.leave();
      for (const off of offs) off();
    },
  };
}
