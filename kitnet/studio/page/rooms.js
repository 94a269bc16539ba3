// The rooms of the studio, in the order of its navigation. A room is a module that exports its id, which is
// also the key of its name among the words (room_ID), and mount(element, studio), which fills the element and
// gives a function that leaves it.

import * as train from "./rooms/train.js";
import * as inside from "./rooms/inside.js";
import * as backward from "./rooms/backward.js";
import * as design from "./rooms/design.js";
import * as convolution from "./rooms/convolution.js";
import * as attribution from "./rooms/attribution.js";
import * as runs from "./rooms/runs.js";

export const ROOMS = [train, inside, backward, convolution, design, attribution, runs];
