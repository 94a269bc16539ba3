// Inside: every number of a network for one picture, and what made it.

import { view } from "./inside/view.js";

export const id = "inside";

export function mount(element, studio) {
  const room = view(studio, false);
  studio.fill(element, room.element);
  room.look();
  return room.leave;
}
