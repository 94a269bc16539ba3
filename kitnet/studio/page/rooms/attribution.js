// Filters and attribution: what a layer looks for, and what in a picture the answer comes from.

import { answer } from "./attribution/answer.js";
import { filters } from "./attribution/filters.js";

export const id = "attribution";

export function mount(element, studio) {
  const { client, t, h, say, fill } = studio;
  const note = h("p", { role: "status" }, t("waits_for_network"));
  let parts = [];
  let off = () => {};
  fill(element, note);

  // As soon as the network is there.
  async function open() {
    try {
      const told = await client.ask("/filters", { layer: "" });
      off();
      for (const part of parts) part.leave();
      parts = [filters(studio, told), answer(studio, told)];
      fill(element, parts.map((part) => part.element));
    } catch (error) {
      say(note, error.message);
    }
  }

  off = client.on("pictures", open);
  const offState = client.on("state", ({ state }) => state === "failed" && !parts.length && open()); // to hear why
  return () => {
    off();
    offState();
    for (const part of parts) part.leave();
  };
}
