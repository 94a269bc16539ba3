// Every layer: its maps and values for one picture, its weights, their gradients, how far the last step moved
// them.

import { moment, percent, short, volume, whole } from "../../numbers.js";
import { drawStrip, histogram } from "../../pictures.js";

const LOWEST = -7; // powers of ten of the ratio's scale
const HIGHEST = 0;

export function layers({ client, t, h, say, fill }) {
  const note = h("p", { class: "note", id: "layers-note" });
  const list = h("div", { class: "layers", id: "layers" });
  let shown = "";
  let updates = [];

  // What has a summary: a histogram with its numbers.
  function numbers(what) {
    const { picture, draw } = histogram(what);
    const text = h("span", { class: "numbers" });
    return {
      element: h("div", { class: "summary" }, h("span", { class: "what" }, what), picture, text),
      set(summary) {
        if (!summary.finite) return say(text, t("not_finite"));
        draw(summary.bins);
        const range = { min: short(summary.min), max: short(summary.max) };
        picture.setAttribute("aria-label", t("histogram_of", { what, ...range }));
        const parts = [
          t("mean_std", { mean: short(summary.mean), std: short(summary.std) }),
          t("range", range),
          summary.zeros > 0 && t("zeros", { share: percent(summary.zeros) }),
        ];
        fill(text, parts.filter(Boolean).map((part) => h("span", {}, part)));
      },
    };
  }

  function maps(what, centred) {
    const canvas = h("canvas", { role: "img" });
    const more = h("span", { class: "note" });
    return {
      element: h("div", { class: "strip" }, canvas, more),
      set(strip) {
        drawStrip(canvas, strip, centred);
        if (!strip?.count) return;
        canvas.setAttribute("aria-label", t("strip_of", { what, min: short(strip.least), max: short(strip.largest) }));
        say(more, strip.left_out ? t("more_maps", { count: whole(strip.left_out) }) : "");
      },
    };
  }

  function parameter(told) {
    const weights = numbers(t("weights", { name: `${told.name} ${volume(told.shape)}` }));
    const gradient = numbers(t("gradient"));
    const filters = told.filters && maps(t("filters"), true);
    const gradients = told.gradients && maps(t("gradients"), true);
    const pointer = h("i", {});
    const ratio = h("b", {});
    const scale = h("div", { class: "ratio" }, h("span", { class: "what" }, t("ratio")), h("div", { class: "scale" }, h("u", {}), pointer), ratio, h("span", { class: "note" }, t("ratio_note")));
    scale.querySelector("u").style.left = place(1e-3);
    return {
      element: h(
        "div",
        { class: "parameter" },
        filters && h("div", { class: "labelled" }, h("span", { class: "what" }, t("filters")), filters.element),
        gradients && h("div", { class: "labelled" }, h("span", { class: "what" }, t("gradients")), gradients.element),
        weights.element,
        gradient.element,
        scale,
      ),
      set(frame) {
        weights.set(frame.weights);
        gradient.set(frame.gradient);
        filters?.set(frame.filters);
        gradients?.set(frame.gradients);
        say(ratio, short(frame.ratio));
        pointer.hidden = !(frame.ratio > 0);
        if (!pointer.hidden) pointer.style.left = place(frame.ratio);
      },
    };
  }

  function layer(told) {
    const values = numbers(t("values"));
    const strip = told.maps && maps(told.path, false);
    const back = told.gradients && maps(t("gradient_of", { what: told.path }), true);
    const gradient = told.gradient && numbers(t("gradient"));
    const parameters = told.parameters.map(parameter);
    const times = h("span", { class: "note times" });
    return {
      element: h(
        "article",
        { class: "layer", "data-path": told.path },
        h("h3", {}, told.path, " ", h("code", {}, told.layer), " ", h("span", { class: "note" }, volume(told.shape)), " ", times),
        strip?.element,
        values.element,
        back && h("div", { class: "gradients" }, back.element),
        gradient?.element,
        parameters.map((one) => one.element),
      ),
      set(frame, took) {
        say(times, took ? t("times_of", { forward: moment(took.forward), backward: moment(took.backward) }) : "");
        values.set(frame.values);
        strip?.set(frame.maps);
        gradient?.set(frame.gradient);
        back?.set(frame.gradients);
        frame.parameters.forEach((one, i) => parameters[i].set(one));
      },
    };
  }

  const off = client.on("look", (frame) => {
    if (!frame.finite) return say(note, t("not_finite"));
    const kind = frame.layers.map((one) => `${one.path} ${one.shape}`).join();
    if (kind !== shown) {
      shown = kind;
      updates = frame.layers.map(layer);
      fill(list, updates.map((one) => one.element));
    }
    frame.layers.forEach((one, i) => updates[i].set(one, frame.times?.layers[one.path]));
    say(note, t("layers_note", { step: whole(frame.done), updated: frame.updated === null ? "–" : whole(frame.updated) }));
  });
  return {
    element: h("section", { class: "all-layers" }, h("h2", {}, t("layers")), note, list),
    leave: off,
  };
}

// Where a ratio lies on its scale of powers of ten.
function place(ratio) {
  const share = (Math.log10(ratio) - LOWEST) / (HIGHEST - LOWEST);
  return `${100 * Math.min(1, Math.max(0, share))}%`;
}
