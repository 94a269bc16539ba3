// Volumes as boxes: height and width to one scale, depth to another. A vector is a column.

import { svg } from "../../elements.js";
import { volume, whole } from "../../numbers.js";

const HIGH = 120; // of the largest side
const DEEP = 56; // of the deepest volume
const THIN = 3;
const GAP = 16;
const LETTER = 6.5; // the width of one, about
const SLOPE = 0.4; // of a side that goes into the picture

export function drawVolumes(rows, t) {
  const boxes = rows.map((row) => box(row.output));
  const side = Math.max(...boxes.map((one) => Math.max(one.height, one.width)));
  const depth = Math.max(...boxes.map((one) => one.depth));
  let x = GAP;
  const parts = rows.map((row, i) => {
    const { height, width, depth: deep } = boxes[i];
    const flat = row.output.length === 1;
    const high = flat ? Math.max(THIN, (HIGH * deep) / depth) : Math.max(THIN, (HIGH * height) / side);
    const wide = flat ? THIN : Math.max(THIN, (HIGH * width) / side) * SLOPE;
    const thick = flat ? 2 * THIN : Math.max(THIN, (DEEP * deep) / depth);
    const group = cuboid(x, HIGH + 40, thick, high, wide, row, t);
    const label = svg("text", { x, y: HIGH + 58 }, row.path);
    const sizes = svg("text", { x, y: HIGH + 72, class: "size" }, volume(row.output));
    x += Math.max(thick + wide, LETTER * Math.max(row.path.length, volume(row.output).length)) + GAP;
    return [group, label, sizes];
  });
  return svg("svg", { class: "volumes", id: "volumes", width: x, height: HIGH + 84 }, parts.flat());
}

// The front is depth x height; the width goes into the picture.
function cuboid(x, bottom, thick, high, wide, row, t) {
  const told = t("volume_of", { path: row.path, shape: volume(row.output), values: whole(row.values) });
  const [up, right] = [wide * 0.6, wide * 0.8];
  const top = bottom - high;
  return svg(
    "g",
    { class: row.parameters ? "volume learns" : "volume", role: "img", "aria-label": told, tabindex: 0 },
    svg("title", {}, told),
    svg("path", { class: "side", d: `M${x + thick},${top}l${right},${-up}v${high}l${-right},${up}z` }),
    svg("path", { class: "top", d: `M${x},${top}l${right},${-up}h${thick}l${-right},${up}z` }),
    svg("path", { class: "front", d: `M${x},${top}h${thick}v${high}h${-thick}z` }),
  );
}

function box(shape) {
  if (shape.length === 1) return { height: 0, width: 0, depth: shape[0] };
  if (shape.length === 2) return { height: shape[0], width: 1, depth: shape[1] };
  return { height: shape.at(-3), width: shape.at(-2), depth: shape.at(-1) };
}
