// Convolution: a window slides over an input, number by number; and classic filters on a photograph.

import { demo } from "./convolution/demo.js";
import { photograph } from "./convolution/photograph.js";

export const id = "convolution";

export function mount(element, studio) {
  const parts = [demo(studio), photograph(studio)];
  studio.fill(element, parts.map((part) => part.element));
  return () => {
    for (const part of parts) part.leave();
  };
}
