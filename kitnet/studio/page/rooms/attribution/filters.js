// The filters of a layer as a sheet of pictures.

import { short, volume } from "../../numbers.js";

export function filters({ client, t, h, say, fill }, first) {
  const names = first.layers.filter((one) => one.filters);
  const layer = h(
    "select",
    { id: "filters-layer", onchange: () => ask(layer.value) },
    names.map((one) => h("option", { value: one.path, selected: one.path === first.layer }, `${one.path} · ${volume(one.shape)}`)),
  );
  const note = h("p", { class: "note", id: "filters-note", role: "status" });
  const sheet = h("div", { class: "filters", id: "filters-sheet" });
  let last = 0;

  async function ask(path) {
    const mine = ++last;
    say(note, t("computing"));
    try {
      const told = await client.ask("/filters", { layer: path });
      if (mine === last) show(told);
    } catch (error) {
      if (mine !== last) return;
      note.className = "error";
      say(note, error.message);
      fill(sheet);
    }
  }

  function show(told) {
    note.className = "note";
    if (!told.layer) return say(note, t("no_filters"));
    const range = t("filters_range", { largest: short(told.largest), size: volume(told.size) });
    const colours = told.planes === 1 ? t("filters_whole") : t("filters_planes", { planes: told.planes });
    const parts = [range, colours, told.left_out > 0 && t("filters_left_out", { count: told.left_out })].filter(Boolean);
    fill(note, parts.map((text) => h("span", { class: "part" }, text)));
    const name = (i) => (told.planes > 1 ? `${Math.floor(i / told.planes)}.${i % told.planes}` : String(i));
    fill(sheet, told.images.map((image, i) => h("figure", {}, h("img", { src: image, alt: t("filter_named", { name: name(i) }) }), h("figcaption", {}, name(i)))));
  }

  show(first);
  return {
    element: h(
      "section",
      {},
      h("h2", {}, t("filters_title")),
      h("div", { class: "row" }, h("label", { for: "filters-layer" }, t("layer")), layer, h("button", { id: "filters-again", onclick: () => ask(layer.value) }, t("renew"))),
      note,
      sheet,
    ),
    leave() {},
  };
}
