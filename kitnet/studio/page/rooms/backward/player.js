// A convolution's way back, played: dx number by number, from the window of dy that flows into it, or dy number
// by number, each adding its filter where it saw the input (col2im). From one map to one channel.

import { short, whole } from "../../numbers.js";
import { grid } from "../inside/grid.js";
import { backOf } from "./convolution.js";
import { Field } from "./field.js";

const PERIOD = 250; // milliseconds between two steps

export function player(studio) {
  const { client, t, h, say, fill } = studio;
  const which = h("select", { id: "play-path", "aria-label": t("back_convolution"), onchange: fetchNew });
  const map = h("input", { id: "play-map", type: "number", min: 0, value: 0, onchange: fetchNew });
  const channel = h("input", { id: "play-channel", type: "number", min: 0, value: 0, onchange: fetchNew });
  const way = h("select", { id: "play-way", "aria-label": t("back_way"), onchange: () => begin() }, h("option", { value: "gather" }, t("back_gather")), h("option", { value: "scatter" }, t("back_scatter")));
  const go = h("button", { class: "main", id: "play", onclick: () => (timer ? stop() : start()) }, t("back_play"));
  const step = h("button", { id: "play-step", onclick: () => move(1) }, t("step"));
  const slider = h("input", { type: "range", id: "play-at", min: 0, value: 0, "aria-label": t("back_at"), oninput: () => show(Number(slider.value)) });
  const where = h("p", { id: "play-where", role: "status" });
  const error = h("p", { class: "error", hidden: true });
  const dy = new Field(studio, "dy");
  const dx = new Field(studio, "dx");
  const sides = h("div", { class: "conventions", id: "conventions" });
  const element = h(
    "section",
    { class: "player", hidden: true },
    h("h2", {}, t("back_title")),
    h("p", { class: "note" }, t("back_note")),
    h("div", { class: "row" }, which, h("label", {}, t("back_map"), " ", map), h("label", {}, t("back_channel"), " ", channel), way),
    h("div", { class: "row" }, go, step, slider),
    error,
    where,
    h("div", { class: "fields" }, dy.element, dx.element),
    sides,
  );
  let look = null;
  let back = null;
  let timer = 0;
  let asked = 0;

  function set(told) {
    stop();
    look = told;
    element.hidden = !told.convolutions.length;
    if (element.hidden) return;
    const before = which.value;
    fill(which, told.convolutions.map((path) => h("option", { value: path, selected: path === before }, path)));
    fetchNew();
  }

  async function fetchNew() {
    stop();
    const number = ++asked;
    try {
      const wish = { look: look.look, path: which.value, map: Number(map.value), channel: Number(channel.value) };
      const told = await client.ask("/inside/convolution", wish);
      if (number !== asked) return;
      error.hidden = true;
      back = told.filter ? backOf(told) : null;
      map.max = told.maps - 1;
      channel.max = told.channels - 1;
      begin();
      if (!back) say(where, t("back_unseen"));
    } catch (reason) {
      if (number !== asked) return;
      say(error, reason.message);
      error.hidden = false;
    }
  }

  const isGather = () => way.value === "gather";

  function begin() {
    stop();
    fill(sides);
    if (!back) return;
    slider.max = (isGather() ? back.places : back.positions).length - 1;
    show(0);
  }

  function start() {
    if (Number(slider.value) >= Number(slider.max)) show(0);
    timer = setInterval(() => move(1) || stop(), PERIOD);
    say(go, t("pause"));
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    say(go, t("back_play"));
  }

  // Whether there was a step to go to.
  function move(by) {
    const to = Number(slider.value) + by;
    if (!back || to > Number(slider.max)) return false;
    show(to);
    return true;
  }

  function show(at) {
    slider.value = at;
    if (isGather()) gather(at);
    else scatter(at);
  }

  // One number of dx: the same products by both conventions.
  function gather(at) {
    const { place, window, filter, turned, sum } = back.gathered(at);
    const [row, column] = place;
    dy.draw(back.dy, window.flat().filter((one) => one.at).map((one) => one.at));
    dx.draw(back.after(at), [place]);
    say(where, t("back_number", { place: place.join(","), sum: short(sum, 6), value: short(back.dx[row][column], 6) }));
    where.dataset.value = sum;
    const behind = [...window].reverse().map((some) => [...some].reverse());
    fill(
      sides,
      side(t("back_correlation"), window, turned, t("back_turned"), "correlation"),
      side(t("back_convolved"), behind, filter, t("back_filter"), "convolution"),
    );
  }

  // The window times a filter, number by number, where the filter's numbers stand.
  function side(title, window, filter, name, id) {
    const numbers = (some) => some.map((_, i) => i);
    const shape = { rows: numbers(filter), columns: numbers(filter[0]) };
    const values = window.map((some) => some.map((one) => (one.at ? one.value : null)));
    const products = values.map((some, i) => some.map((value, j) => (value === null ? null : value * filter[i][j])));
    const along = (axis) => (some) => some.find((one) => one.at)?.at[axis] ?? "·";
    const own = { rows: window.map(along(0)), columns: window[0].map((_, j) => along(1)(window.map((some) => some[j]))) };
    const windowed = grid(studio, { ...own, title: t("back_window"), values });
    windowed.querySelectorAll("td.none").forEach((cell) => say(cell, "0"));
    return h(
      "div",
      { class: "convention", id },
      h("h3", {}, title),
      h("div", { class: "wide side" }, windowed, h("span", { class: "sign" }, "×"), grid(studio, { ...shape, title: name, values: filter }), h("span", { class: "sign" }, "="), grid(studio, { ...shape, title: t("inside_products"), values: products })),
    );
  }

  // One number of dy: what it adds where its window lay.
  function scatter(at) {
    const { position, value, places, patch, sums, overlaps } = back.scattered(at);
    const [row, column] = position;
    dy.draw(back.dy, [[row, column]]);
    dx.draw(back.until(at), places.flat().filter(Boolean));
    say(where, t("back_adds", { place: position.join(","), value: short(value, 6), overlaps: whole(overlaps) }));
    where.dataset.value = value;
    const rows = places.map((some, i) => some.find(Boolean)?.[0] ?? `·${i}`);
    const columns = places[0].map((_, j) => places.find((some) => some[j])?.[j][1] ?? `·${j}`);
    const shape = { rows, columns };
    fill(
      sides,
      h(
        "div",
        { class: "convention", id: "scatter" },
        h("h3", {}, t("back_added")),
        h("div", { class: "wide side" }, h("span", { class: "sign" }, `${short(value, 4)} ×`), grid(studio, { ...shape, title: t("back_filter"), values: back.filter }), h("span", { class: "sign" }, "="), grid(studio, { ...shape, title: t("back_adds_here"), values: patch }), h("span", { class: "sign" }, "→"), grid(studio, { ...shape, title: t("back_then"), values: sums })),
      ),
    );
  }

  return { element, set, leave: stop };
}
