// One picture, one method, and what that finds.

import { LARGEST, base64 } from "../../files.js";
import { short, volume } from "../../numbers.js";

const METHODS = {
  saliency: "method_saliency", guided: "method_guided", deconvnet: "method_deconvnet", gradcam: "method_gradcam",
  occlusion: "method_occlusion", dense: "method_dense", patches: "method_patches",
};
const ABOUT = {
  saliency: "about_saliency", guided: "about_guided", deconvnet: "about_deconvnet", gradcam: "about_gradcam",
  occlusion: "about_occlusion", dense: "about_dense", patches: "about_patches",
};
const TOLD = {
  saliency: "told_saliency", guided: "told_projection", deconvnet: "told_projection", gradcam: "told_gradcam",
  occlusion: "told_occlusion", dense: "told_dense",
};
const COLOURS = { saliency: "colours_grey", guided: "colours_centred", deconvnet: "colours_centred" };
const NUMBERS = ["map", "window", "stride"];
let kept = { method: "saliency", picture: 0 }; // while another room is open

export function answer(studio, first) {
  const { client, t, h, say, fill } = studio;
  const pictures = client.latest("pictures");
  let stopped = null; // how to stop waiting
  let picture = kept.picture;
  let own = "";
  const option = (value, text) => h("option", { value }, text);
  const method = h("select", { id: "method", onchange: settle }, Object.entries(METHODS).map(([name, label]) => h("option", { value: name, selected: name === kept.method }, t(label))));
  const of = h("select", { id: "of" }, option("", t("best_class")), first.classes.map((name) => option(name, name)));
  const layer = h("select", { id: "layer" });
  const number = (id, least) => h("input", { id, type: "number", min: least, placeholder: t("usual") });
  const inputs = { of, layer, map: number("map", 0), window: number("window", 1), stride: number("stride", 1) };
  const labels = { of: "class_of", layer: "layer", map: "map", window: "occluding", stride: "stride" };
  const fields = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, h("label", { class: "field" }, h("span", {}, t(labels[name])), input)]));
  const about = h("p", { class: "note", id: "about-method" });
  const run = h("button", { id: "attribute", class: "main", onclick: ask }, t("compute"));
  const stop = h("button", { id: "stop", hidden: true, onclick: leave }, t("stop_waiting"));
  const busy = h("progress", { id: "busy", hidden: true, "aria-label": t("computing") });
  const status = h("p", { id: "attribution-status", role: "status" });
  const found = h("div", { id: "found" });
  const file = h("input", { id: "attribution-file", type: "file", accept: "image/*", onchange: choose });
  const ownPicture = h("label", { class: "field" }, h("span", {}, t("own_photo")), file);
  const cards = (pictures?.images ?? []).map((image, i) =>
    h(
      "button",
      { class: "choice", "aria-pressed": "false", onclick: () => pick(i) },
      h("img", { src: image, alt: t("picture", { number: i + 1, label: pictures.classes[pictures.labels[i]] }) }),
      h("span", {}, pictures.classes[pictures.labels[i]]),
    ),
  );
  const choices = h("div", { class: "choices", id: "choices" }, cards);

  function pick(i) {
    picture = kept.picture = i;
    own = "";
    file.value = "";
    mark();
    ask();
  }

  async function choose() {
    if (file.files[0]?.size > LARGEST) return refuse(t("file_too_large", { size: LARGEST / 1e6 }));
    own = await base64(file.files[0]);
    mark();
    if (own) ask();
  }

  function mark() {
    cards.forEach((card, i) => card.setAttribute("aria-pressed", String(!own && i === picture)));
  }

  // What this method may be told.
  function settle() {
    const name = (kept.method = method.value);
    const takes = first.methods[name];
    say(about, t(ABOUT[name]));
    for (const [key, field] of Object.entries(fields)) field.hidden = !takes.includes(key);
    choices.hidden = ownPicture.hidden = name === "patches";
    const before = layer.value;
    const maps = first.layers.filter((one) => one.shape.length === 3 || name !== "gradcam");
    fill(layer, name !== "patches" && option("", t(name === "gradcam" ? "last_maps" : "scores")), maps.map((one) => option(one.path, `${one.path} · ${volume(one.shape)}`)));
    if (maps.some((one) => one.path === before)) layer.value = before;
  }

  function asked() {
    const name = method.value;
    const takes = first.methods[name];
    const given = (key) => (!takes.includes(key) || inputs[key].value === "" ? null : inputs[key].value);
    const body = { method: name, of: given("of"), layer: given("layer"), file: own, picture };
    for (const key of NUMBERS) body[key] = given(key) === null ? null : Math.round(Number(given(key)));
    return body;
  }

  async function ask() {
    leave();
    const body = asked();
    body.asked = Math.floor(Math.random() * 2 ** 52);
    const waiting = { over: false };
    stopped = () => {
      waiting.over = true;
      client.ask("/stop_waiting", { asked: body.asked }).catch(() => {});
    };
    waits(true);
    say(status, t("computing"));
    status.className = "";
    try {
      const told = await client.ask("/attribute", body);
      if (!waiting.over) show(body.method, told);
    } catch (error) {
      if (waiting.over) return;
      refuse(error.message);
    } finally {
      if (!waiting.over) {
        stopped = null;
        waits(false);
      }
    }
  }

  function refuse(message) {
    status.className = "error";
    say(status, message);
    fill(found);
  }

  function leave() {
    if (!stopped) return;
    stopped();
    stopped = null;
    waits(false);
    say(status, t("stopped_waiting"));
  }

  function waits(does) {
    busy.hidden = stop.hidden = !does;
  }

  function show(name, told) {
    if (name === "patches") return showPatches(told);
    const { facts } = told;
    const shown = { ...facts, number: short(facts.number, 4), whole: short(facts.whole), crops: facts.crops?.join("×") };
    const empty = facts.empty ? ` ${t("gradcam_empty")}` : "";
    say(status, t(TOLD[name], shown) + empty);
    const values = { least: short(told.least), largest: short(told.largest), size: short(facts.largest) };
    fill(
      found,
      h(
        "div",
        { class: "pair" },
        h("figure", {}, h("img", { id: "found-picture", src: told.picture, alt: t("read_picture") }), h("figcaption", {}, t("read_picture"))),
        h("figure", {}, h("img", { id: "found-drawn", src: told.drawn, alt: t(TOLD[name], shown) }), h("figcaption", {}, t(COLOURS[name] ?? "colours_heat", values))),
      ),
      told.values && h("details", {}, h("summary", {}, t("as_numbers")), h("div", { class: "wide", tabindex: 0 }, table(told.values))),
    );
  }

  function table(values) {
    return h("table", { class: "plane found-values", id: "found-values" }, h("tbody", {}, values.map((row) => h("tr", {}, row.map((value) => h("td", {}, short(value)))))));
  }

  function showPatches(told) {
    say(status, t("told_patches", { data: told.data, layer: layer.value }));
    const one = (map) =>
      h(
        "figure",
        { class: "nine" },
        h("div", {}, map.images.map((image, i) => h("img", { src: image, alt: t("patch", { number: map.pictures[i], value: short(map.numbers[i]) }), title: t("patch", { number: map.pictures[i], value: short(map.numbers[i]) }) }))),
        h("figcaption", {}, t("patches_of", { map: map.map, largest: short(map.numbers[0]), least: short(map.numbers[map.numbers.length - 1]) })),
      );
    fill(found, h("div", { class: "sheet" }, told.maps.map(one)));
  }

  settle();
  mark();
  return {
    element: h(
      "section",
      { class: "attribution" },
      h("h2", {}, t("attribution_title")),
      choices,
      h("div", { class: "fields" }, h("label", { class: "field" }, h("span", {}, t("method")), method), Object.values(fields), ownPicture, run, stop, busy),
      about,
      status,
      found,
    ),
    leave,
  };
}
