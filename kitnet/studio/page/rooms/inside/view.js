// A look at a network: what is looked at, its columns, one plane enlarged, and the arithmetic of one number.

import { arithmetic } from "./arithmetic.js";
import { columns } from "./columns.js";
import { enlarged } from "./enlarged.js";
import { nameOf } from "./places.js";
import { source } from "./source.js";

const TRAIL = 12; // numbers that one can go back to

// `backward` shows gradients. `heard` gets each look.
export function view(studio, backward, heard = () => {}) {
  const { client, t, h, say, fill } = studio;
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const told = (text) => {
    say(error, text);
    error.hidden = !text;
  };
  const from = source(studio, backward, look);
  const strip = columns(studio, backward, { enlarge: open, hover });
  const large = enlarged(studio, { choose, hover });
  const sums = arithmetic(studio, follow);
  const path = h("div", { class: "row trail", id: "trail" });
  const found = h("div", { hidden: true }, strip.element, path, h("div", { class: "looked" }, large.element, sums.element));
  let current = null; // the look
  let at = null;
  let trail = [];
  let isPinned = false;
  let wanted = null;
  let isAsking = false;
  let asked = 0;

  async function look() {
    const number = ++asked;
    from.busy(true);
    try {
      const answer = await client.ask("/inside/look", { ...from.wish(), every: from.every() });
      if (number !== asked) return;
      told("");
      const before = at;
      current = answer;
      trail = [];
      from.set(answer);
      strip.set(answer);
      large.set(answer, backward);
      sums.set(answer);
      found.hidden = false;
      heard(answer);
      const shape = before && answer.shapes[before.path];
      const fits = shape && shape.length === before.index.length && before.index.every((i, axis) => i < shape[axis]);
      const chosen = choose(fits ? before : answer.first);
      isPinned = false;
      await chosen;
    } catch (reason) {
      if (number === asked) {
        told(reason.message);
        from.failed();
      }
    }
    if (number === asked) from.busy(false);
  }

  // A number that is chosen stays until another one is.
  async function choose(place) {
    isPinned = true;
    at = place;
    ask(place);
    await show(place);
  }

  async function show(place) {
    try {
      await large.show(place);
    } catch (reason) {
      told(reason.message);
    }
  }

  async function open(place) {
    await choose(place);
    large.focus();
  }

  // To a number that another one was made of.
  async function follow(place) {
    if (at) trail = [...trail, at].slice(-TRAIL);
    await choose(place);
    showTrail();
  }

  function showTrail() {
    const back = (one, i) =>
      h("button", { class: "follow", onclick: async () => {
        trail = trail.slice(0, i);
        await choose(one);
        showTrail();
      } }, nameOf(one));
    fill(path, trail.length > 0 && h("span", { class: "note" }, t("inside_trail")), trail.flatMap((one, i) => [back(one, i), "→"]), trail.length > 0 && h("b", {}, nameOf(at)));
  }

  function hover(place) {
    if (isPinned || (at && nameOf(at) === nameOf(place))) return;
    at = place;
    ask(place);
    large.point(place);
  }

  // The newest wish is asked for when the answer before it is there.
  async function ask(place) {
    wanted = place;
    if (isAsking) return;
    isAsking = true;
    while (wanted) {
      const { path, index, backward } = (place = wanted);
      wanted = null;
      try {
        const answer = await client.ask("/inside/trace", { look: current.look, path, index, backward });
        told("");
        if (wanted) continue;
        sums.show(answer, place);
        strip.mark(place, answer.steps);
      } catch (reason) {
        told(reason.message);
      }
    }
    isAsking = false;
  }

  const key = (event) => {
    if (event.key === "Escape") isPinned = false;
  };
  document.addEventListener("keydown", key);
  const off = client.on("state", (frame) => {
    if (["paused", "failed"].includes(frame.state) && !current) look();
  });
  return {
    element: h("div", {}, from.element, error, found),
    look,
    leave() {
      off();
      document.removeEventListener("keydown", key);
    },
  };
}
