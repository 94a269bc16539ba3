// Curves over the steps of a run, by uPlot.

import { theme } from "./colours.js";
import { h } from "./elements.js";
import { short, whole } from "./numbers.js";

const HEIGHT = 210;

// `series`: { label, colour, dashed }; `marks` gives steps where a vertical line stands. set(xs, ...values)
// draws anew.
export function chart(element, label, series, marks, format = short) {
  const lines = series.map(({ label, colour, dashed, points }) => ({
    label,
    stroke: theme(colour),
    width: 2,
    dash: dashed ? [6, 4] : undefined,
    spanGaps: true,
    points: { show: points ?? false, size: 5 },
    value: (_, value) => format(value),
  }));
  const axis = { stroke: theme("text"), grid: { stroke: theme("line"), width: 1 }, ticks: { stroke: theme("line") } };
  const plot = new window.uPlot(
    {
      width: 300,
      height: HEIGHT,
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false } },
      series: [{ label, value: (_, value) => (value === null ? "–" : whole(value)) }, ...lines],
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? whole(tick) : "")) },
        { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => format(tick)) },
      ],
      hooks: { drawClear: [(self) => drawMarks(self, marks())] },
    },
    [[], ...series.map(() => [])],
    element,
  );
  const fit = () => {
    const width = Math.floor(element.clientWidth);
    if (width > 0) plot.setSize({ width, height: HEIGHT });
  };
  const watcher = new ResizeObserver(fit);
  watcher.observe(element);
  return {
    set: (...data) => plot.setData(data),
    leave() {
      watcher.disconnect();
      plot.destroy();
    },
  };
}

export function canvas() {
  return h("div", { class: "chart" });
}

function drawMarks(plot, steps) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = theme("mark");
  ctx.setLineDash([3, 3]);
  for (const step of steps) {
    const x = plot.valToPos(step, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
