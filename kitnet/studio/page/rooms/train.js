// Train: how it goes, and what can be changed while it goes.

import { controls } from "./train/controls.js";
import { curves } from "./train/curves.js";
import { judged } from "./train/judged.js";
import { knobs } from "./train/knobs.js";
import { layers } from "./train/layers.js";
import { pictures } from "./train/pictures.js";

export const id = "train";

export function mount(element, studio) {
  const parts = [controls, curves, knobs, pictures, layers, judged].map((part) => part(studio));
  studio.fill(element, parts.map((part) => part.element));
  for (const part of parts) part.mounted?.();
  return () => {
    for (const part of parts) part.leave();
  };
}
