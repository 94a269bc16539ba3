// What made one number: windows with their factors and products, terms, the sum, what closes it.

import { short, whole } from "../../numbers.js";
import { grid } from "./grid.js";
import { nameOf } from "./places.js";

const DIGITS = 5;

export function arithmetic(studio, follow) {
  const { t, h, fill } = studio;
  const element = h("div", { class: "arithmetic", id: "arithmetic", "aria-live": "off" });
  let look = null;

  // Where the number of this path stands, if it has a place of its own in the network.
  function place(path, index) {
    const backward = path.startsWith("d ");
    const own = backward ? path.slice(2) : path;
    return look.shapes[own]?.length === index.length ? { path: own, index, backward } : null;
  }

  function factor({ path, index, value }) {
    const name = nameOf({ path, index });
    const at = place(path, index);
    const number = short(value, DIGITS);
    const text = `${name} ${value < 0 ? `(${number})` : number}`;
    return at ? h("button", { class: "follow", onclick: () => follow(at) }, text) : h("span", {}, text);
  }

  function term(told) {
    const numbers = told.factors.map(factor);
    if (told.times !== 1 || !numbers.length) numbers.unshift(h("span", {}, short(told.times, DIGITS)));
    const signs = numbers.flatMap((one, i) => (i ? [" × ", one] : [one]));
    return h("tr", { class: "term" }, h("td", {}, signs), h("td", { "data-value": told.value }, short(told.value, DIGITS)));
  }

  function channel(told) {
    const shared = { rows: told.rows, columns: told.columns };
    // Where the numbers of a factor stand in its own array, such as a filter's rows and columns.
    const own = ({ indices }) => {
      const along = (axis) => (some) => some.find(Boolean)?.[axis] ?? "";
      const [rows, columns] = [indices.map(along(0)), indices[0].map((_, j) => along(1)(indices.map((row) => row[j])))];
      return indices.flat().find(Boolean).length > 2 ? { rows, columns } : shared;
    };
    const factors = told.factors.map((one) =>
      grid(studio, { ...own(one), title: one.path, values: one.values, indices: one.indices, place: (index) => place(one.path, index) }, follow),
    );
    if (told.slopes) factors.push(grid(studio, { ...shared, title: t("inside_slopes"), values: told.slopes }));
    const products = grid(studio, { ...shared, title: t("inside_products"), values: told.products });
    const joined = factors.flatMap((one, i) => (i ? [h("span", { class: "sign" }, "×"), one] : [one]));
    return h(
      "div",
      { class: "channel", "data-channel": told.channel },
      h("h4", {}, t("inside_channel", { path: told.path, channel: told.channel, sum: short(told.sum, DIGITS) }), told.times !== 1 && told.times !== null && ` · × ${short(told.times, DIGITS)}`),
      h("div", { class: "wide side" }, joined, h("span", { class: "sign" }, "="), products),
    );
  }

  function winner(told) {
    const indices = told.rows.map((row) => told.columns.map((column) => [row, column, told.channel]));
    const marked = String(told.winner);
    const shown = { ...told, title: t("inside_winner", { path: told.path }), indices, place: (index) => place(told.path, index), mark: (index) => String(index) === marked };
    return h("div", { class: "wide side pool" }, grid(studio, shown, follow));
  }

  function part(told, alone) {
    const { rest } = told;
    const closes = told.close !== "identity";
    const row = (what, value, name) => h("tr", { class: name }, h("th", { scope: "row" }, what), h("td", { "data-value": value }, short(value, DIGITS)));
    return h(
      "article",
      { class: "part", "data-node": told.node },
      h("h4", {}, told.node, " ", h("code", {}, told.layer === "given" ? t("inside_begins") : told.layer)),
      told.window && winner(told.window),
      told.grids.map(channel),
      h(
        "table",
        { class: "terms" },
        told.terms.map(term),
        rest.terms > 0 && row(rest.channels ? t("inside_rest_channels", { channels: whole(rest.channels), terms: whole(rest.terms) }) : t("inside_rest", { terms: whole(rest.terms) }), rest.value, "rest"),
        (told.count > 1 || closes) && row(t("inside_sum", { terms: whole(told.count) }), told.total, "sum"),
        closes && row(told.close, told.value, "close"),
        told.count === 0 && alone && h("tr", {}, h("td", {}, t("inside_nothing"))),
      ),
    );
  }

  function step(told) {
    return h(
      "section",
      { class: "step" },
      h("h3", { "data-value": told.number }, `${nameOf(told)} = ${short(told.number, 6)}`),
      told.parts.map((one) => part(one, told.parts.length === 1)),
      told.parts.length > 1 && h("p", {}, t("inside_together", { parts: whole(told.parts.length) }), ` ${short(told.value, DIGITS)}`),
      !told.parts.length && h("p", {}, t("inside_nothing")),
    );
  }

  return {
    element,
    set(told) {
      look = told;
      fill(element, h("p", { class: "note" }, t("inside_hint")));
    },
    show(told, at) {
      if (told.steps.length) return fill(element, told.steps.map(step));
      const why = told.learned ? t("inside_learned") : t("inside_given");
      fill(element, h("section", { class: "step" }, h("h3", { "data-value": told.number }, `${nameOf(at)} = ${short(told.number, 6)}`), h("p", {}, why)));
    },
  };
}
