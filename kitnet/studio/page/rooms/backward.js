// Backward: every number of the gradients for one picture, and what flows into it; a convolution's way back
// played step by step.

import { player } from "./backward/player.js";
import { view } from "./inside/view.js";

export const id = "backward";

export function mount(element, studio) {
  const play = player(studio);
  const room = view(studio, true, play.set);
  studio.fill(element, room.element, play.element);
  room.look();
  return () => {
    play.leave();
    room.leave();
  };
}
