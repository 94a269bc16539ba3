// Runs and data: the runs of a folder, some of them over each other, one that is judged, and its data.

import { compare } from "./runs/compare.js";
import { dataset } from "./runs/dataset.js";
import { judgement } from "./runs/judgement.js";
import { list } from "./runs/list.js";

export const id = "runs";

export function mount(element, studio) {
  const comparison = compare(studio);
  const ofOne = [judgement(studio), dataset(studio)];
  const runs = list(studio, comparison.show, (name) => ofOne.forEach((part) => part.show(name)));
  const parts = [runs, comparison, ...ofOne];
  studio.fill(element, studio.h("div", { class: "runs" }, parts.map((part) => part.element)));
  return () => parts.forEach((part) => part.leave?.());
}
