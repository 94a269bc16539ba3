// What is judged again and again while it trains.

import { confusion } from "../../confusion.js";

export function judged(studio) {
  const { client } = studio;
  const { element, show } = confusion(studio, { note: "judged-note", table: "confusion", mistakes: "mistakes" });
  const off = client.on("look", (frame) => {
    const classes = client.latest("pictures")?.classes;
    if (frame.finite && classes) show(frame.judged, classes);
  });
  return { element, leave: off };
}
