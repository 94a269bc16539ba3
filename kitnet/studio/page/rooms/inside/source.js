// What is looked at: a network, a picture, and backward what gradients are of. It is kept from room to room.

import { LARGEST, base64 } from "../../files.js";
import { whole } from "../../numbers.js";
import { drawing } from "./drawing.js";

const kept = { network: "", picture: { sample: 0 }, gradients: {} };

export function source(studio, backward, look) {
  const { t, h, say, fill } = studio;
  const other = h("input", { id: "network", placeholder: "runs/lenet5-1", "aria-label": t("inside_other"), value: kept.network, spellcheck: "false", onchange: () => take({ network: other.value.trim() }) });
  const which = h("select", { id: "which", onchange: () => choose() }, h("option", { value: "" }, t("inside_training")), h("option", { value: "other", selected: kept.network !== "" }, t("inside_other")));
  const sample = h("input", { id: "sample", type: "number", min: 0, value: kept.picture.sample ?? 0, "aria-label": t("inside_sample"), onchange: () => take({ picture: { sample: Math.max(0, Math.floor(Number(sample.value))) } }) });
  const by = (step) => () => {
    sample.value = Math.max(0, Number(sample.value) + step);
    sample.dispatchEvent(new Event("change"));
  };
  const file = h("input", { type: "file", id: "file", accept: "image/*", "aria-label": t("inside_file"), onchange: () => open(file.files[0]) });
  const invert = h("input", { type: "checkbox", id: "invert", onchange: () => "file" in kept.picture && take({ picture: { ...kept.picture, invert: invert.checked } }) });
  const surface = drawing(studio, (data) => take({ picture: { file: data, invert: false } }));
  const every = h("input", { type: "checkbox", id: "every", onchange: look });
  const again = h("button", { class: "main", id: "look", onclick: look }, t("inside_look"));
  const kind = h("select", { id: "kind", onchange: () => aim() }, h("option", { value: "target" }, t("inside_target")), h("option", { value: "output" }, t("inside_output")));
  const class_ = h("select", { id: "class", "aria-label": t("inside_class"), onchange: () => aim() });
  const status = h("p", { class: "note", id: "looked", role: "status" });
  const line = h("code", { class: "line" });
  other.hidden = which.value === "";

  function choose() {
    other.hidden = which.value === "";
    if (!other.hidden) other.focus();
    else take({ network: "" });
  }

  function take(change) {
    if (change.picture || change.network !== undefined) kept.gradients = {};
    Object.assign(kept, change);
    look();
  }

  function aim() {
    take({ gradients: { [kind.value]: Number(class_.value) } });
  }

  async function open(chosen) {
    if (!chosen) return;
    if (chosen.size > LARGEST) return say(status, t("inside_too_large", { size: whole(LARGEST) }));
    take({ picture: { file: await base64(chosen), invert: invert.checked } });
  }

  return {
    element: h(
      "section",
      { class: "source" },
      h("div", { class: "row" }, h("label", { for: "which" }, t("inside_network")), which, other, again, h("label", {}, every, " ", t("inside_every"))),
      h(
        "div",
        { class: "row" },
        h("label", {}, t("inside_sample"), " ", sample),
        h("span", {}, h("button", { onclick: by(-1), "aria-label": t("inside_before") }, "‹"), " ", h("button", { onclick: by(1), "aria-label": t("inside_next") }, "›")),
        h("label", {}, t("inside_file"), " ", file),
        h("label", {}, invert, " ", t("inside_invert")),
      ),
      h("details", {}, h("summary", {}, t("inside_draw")), surface.element),
      backward && h("div", { class: "row" }, h("label", { for: "kind" }, t("inside_gradients")), kind, class_),
      h("p", {}, line),
      status,
    ),
    every: () => every.checked,
    wish: () => ({ network: kept.network, picture: kept.picture, gradients: backward ? kept.gradients : null }),
    busy(is) {
      again.disabled = is;
      if (is) say(status, t("inside_busy"));
    },
    failed: () => say(status, ""),
    set(told) {
      say(line, told.line);
      sample.max = Math.max(0, told.samples - 1);
      const label = told.label === null ? "–" : told.classes[told.label];
      const done = told.done === null ? "–" : whole(told.done);
      say(status, t("inside_status", { label, done, samples: whole(told.samples) }));
      if (!told.gradients) return;
      const [[of, number]] = Object.entries(told.gradients);
      kind.value = of;
      fill(class_, told.classes.map((name, i) => h("option", { value: i, selected: i === number }, name)));
    },
  };
}
