// A classic filter, or one of one's own, on a photograph.

import { LARGEST, base64 } from "../../files.js";

const WAIT = 300; // milliseconds after a key
const OWN = "own";
const ABOUT = {
  identity: "filter_identity", sharpen: "filter_sharpen", sharpen5: "filter_sharpen5", blur: "filter_blur",
  "edge-horizontal": "filter_edge_horizontal", "edge-vertical": "filter_edge_vertical", "edge-45": "filter_edge_45", emboss: "filter_emboss",
};
let kept = null; // while another room is open

export function photograph({ client, t, h, say }) {
  const chosen = h("select", { id: "photo-filter", onchange: () => take(chosen.value) });
  const numbers = h("textarea", { id: "photo-numbers", rows: 5, spellcheck: "false", oninput: edited });
  const number = (id) => h("input", { id, type: "number", step: "any", oninput: edited });
  const factor = number("photo-factor");
  const bias = number("photo-bias");
  const flip = h("input", { id: "photo-flip", type: "checkbox", onchange: ask });
  const file = h("input", { id: "photo-file", type: "file", accept: "image/*", onchange: choose });
  const about = h("p", { class: "note", id: "photo-about" });
  const status = h("p", { id: "photo-status", role: "status" });
  const before = h("img", { id: "photo-before", alt: t("photo_before") });
  const after = h("img", { id: "photo-after", alt: t("photo_after") });
  let filters = {};
  let picture = kept?.picture ?? "";
  let later = 0;
  let last = 0;

  function take(name) {
    say(about, name in ABOUT ? t(ABOUT[name]) : t("filter_own"));
    if (name in filters) {
      const one = filters[name];
      numbers.value = one.numbers.map((row) => row.join(" ")).join("\n");
      factor.value = one.factor;
      bias.value = one.bias;
    }
    ask();
  }

  function edited() {
    chosen.value = OWN;
    say(about, t("filter_own"));
    clearTimeout(later);
    later = setTimeout(ask, WAIT);
  }

  async function choose() {
    if (file.files[0]?.size > LARGEST) return refuse(t("file_too_large", { size: LARGEST / 1e6 }));
    picture = await base64(file.files[0]);
    ask();
  }

  async function ask() {
    const mine = ++last;
    const body = { numbers: numbers.value, factor: Number(factor.value), bias: Number(bias.value), flip: flip.checked, picture };
    kept = { ...body, name: chosen.value };
    status.className = "";
    say(status, t("computing"));
    try {
      const told = await client.ask("/photograph", body);
      if (mine !== last) return;
      before.src = told.before;
      after.src = told.after;
      const [size, whole] = [told.size, told.whole].map((pair) => pair.join("×"));
      say(status, size === whole ? t("photo_size", { size }) : t("photo_reduced", { size, whole }));
    } catch (error) {
      if (mine !== last) return;
      refuse(error.message);
    }
  }

  function refuse(message) {
    status.className = "error";
    say(status, message);
  }

  client.ask("/image_filters", {}).then((told) => {
    filters = told.filters;
    for (const name of [...Object.keys(filters), OWN]) chosen.append(h("option", { value: name }, name === OWN ? t("own_filter") : name));
    flip.checked = kept?.flip ?? false;
    chosen.value = kept?.name ?? "sharpen";
    if (kept) [numbers.value, factor.value, bias.value] = [kept.numbers, kept.factor, kept.bias];
    take(chosen.value);
  });
  const field = (label, input) => h("label", { class: "field" }, h("span", {}, t(label)), input);
  return {
    element: h(
      "section",
      { class: "photograph" },
      h("h2", {}, t("photo_title")),
      h("p", { class: "note" }, t("photo_note")),
      h(
        "div",
        { class: "fields" },
        field("classic_filter", chosen),
        h("label", { class: "field own" }, h("span", {}, t("filter_numbers")), numbers),
        field("filter_factor", factor),
        field("filter_bias", bias),
        h("label", { class: "tick" }, flip, " ", t("flip")),
        field("own_photo", file),
      ),
      about,
      status,
      h(
        "div",
        { class: "photos" },
        h("figure", {}, before, h("figcaption", {}, t("photo_before"))),
        h("figure", {}, after, h("figcaption", {}, t("photo_after"))),
      ),
    ),
    leave: () => clearTimeout(later),
  };
}
