// The animated convolution: what is asked for, the stage, and the steps.

import { volume } from "../../numbers.js";
import { im2col } from "./im2col.js";
import { stage } from "./stage.js";

const WAIT = 300; // milliseconds after a key
const PERIOD = 800; // milliseconds between two steps that are played
const TEXTS = ["size", "window", "stride", "pad", "dilation"];
const COUNTS = ["filters", "groups"];
const OWN = ["x", "w", "b"];
const MISFITS = { error: "misfit_error", floor: "misfit_floor", ceil: "misfit_ceil", pad: "misfit_pad", crop: "misfit_crop" };
const LABELS = {
  size: "input_size", window: "filter_size", stride: "stride", pad: "padding", dilation: "dilation",
  filters: "filter_count", groups: "groups", x: "own_x", w: "own_w", b: "own_b",
};
// As in the course notes of CS231n.
const FIRST = { size: "5x5x3", window: "3x3", filters: 2, stride: "2", pad: "1", dilation: "1", groups: 1, misfit: "error", flip: false, seed: 0, x: "", w: "", b: "" };
let kept = FIRST; // while another room is open
let keptStep = 0;

export function demo(studio) {
  const { client, t, h, say, fill } = studio;
  const asked = { ...kept };
  const inputs = {};
  const status = h("p", { id: "conv-status", role: "status", class: "conv-status" });
  const shown = h("div", { id: "conv-shown" });
  const slider = h("input", { type: "range", id: "conv-at", min: 0, value: 0, "aria-label": t("conv_at"), oninput: () => go(Number(slider.value)) });
  const place = h("output", { id: "conv-place", for: "conv-at" });
  const button = (id, key, act, main) => h("button", { id, class: main && "main", onclick: act }, t(key));
  const play = button("conv-play", "play", toggle, true);
  const back = button("conv-back", "step_back", () => move(-1));
  const next = button("conv-step", "step_on", () => move(1));
  let told = null;
  let parts = [];
  let step = keptStep;
  let playing = 0;
  let later = 0;
  let number = 0;

  function field(name, attributes) {
    inputs[name] = h("input", { id: `conv-${name}`, value: asked[name], autocomplete: "off", oninput: () => change(name), ...attributes });
    return h("label", { class: "field" }, h("span", {}, t(LABELS[name])), inputs[name]);
  }

  function area(name, rows) {
    inputs[name] = h("textarea", { id: `conv-${name}`, rows, spellcheck: "false", oninput: () => change(name) });
    inputs[name].value = asked[name];
    return h("label", { class: "field own" }, h("span", {}, t(LABELS[name])), inputs[name]);
  }

  // A size that is changed draws new numbers for what no longer fits; numbers of one's own decide the size.
  function change(name) {
    asked[name] = COUNTS.includes(name) ? Number(inputs[name].value) : inputs[name].value;
    if (name === "size") asked.x = asked.w = "";
    if (["window", "filters", "groups"].includes(name)) asked.w = asked.b = "";
    clearTimeout(later);
    later = setTimeout(ask, WAIT);
  }

  function renew() {
    Object.assign(asked, { seed: asked.seed + 1, x: "", w: "", b: "" });
    ask();
  }

  async function ask() {
    const mine = ++number;
    kept = { ...asked };
    try {
      const answer = await client.ask("/convolution", asked);
      if (mine === number) show(answer);
    } catch (error) {
      if (mine === number) refuse(error.message);
    }
  }

  function refuse(message) {
    pause();
    told = null;
    status.className = "conv-status error";
    say(status, message);
    shown.hidden = true;
    for (const one of [play, back, next, slider]) one.disabled = true;
  }

  function show(answer) {
    told = answer;
    parts = [stage(studio, answer, go), im2col(studio, answer)];
    status.className = "conv-status";
    say(status, t("positions", { rules: answer.rules.join(", "), output: volume([answer.y[0].length, answer.y[0][0].length, answer.y.length]) }));
    settle(answer);
    shown.hidden = false;
    fill(shown, parts.map((part) => part.element));
    for (const one of [play, back, next, slider]) one.disabled = false;
    slider.max = answer.sums.length - 1;
    go(Math.min(step, answer.sums.length - 1));
  }

  // The fields say what is shown, whichever of them was changed last.
  function settle(answer) {
    const values = {
      size: volume([answer.x[0].length, answer.x[0][0].length, answer.x.length]).replaceAll("×", "x"),
      window: volume([answer.w[0][0].length, answer.w[0][0][0].length]).replaceAll("×", "x"),
      filters: answer.w.length,
      x: written(answer.x),
      w: answer.w.map(written).join("\n\n"),
      b: answer.b.join(" "),
    };
    for (const [name, value] of Object.entries(values)) {
      if (inputs[name] === document.activeElement) continue;
      inputs[name].value = value;
      if (!OWN.includes(name)) asked[name] = value;
    }
  }

  function go(to) {
    if (!told) return;
    step = keptStep = to;
    const sum = told.sums[to];
    for (const part of parts) part.at(to, sum);
    slider.value = to;
    const text = t("conv_place", { step: to + 1, steps: told.sums.length, place: `y[${sum.at.join(", ")}]` });
    slider.setAttribute("aria-valuetext", text);
    say(place, text);
  }

  function move(by) {
    if (told) go((step + by + told.sums.length) % told.sums.length);
  }

  function toggle() {
    if (playing) return pause();
    playing = setInterval(() => move(1), PERIOD);
    say(play, t("pause"));
  }

  function pause() {
    clearInterval(playing);
    playing = 0;
    say(play, t("play"));
  }

  function key(event) {
    if (event.target.closest("input, select, textarea, button, summary, a") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { ArrowRight: () => move(1), ArrowLeft: () => move(-1), " ": toggle }[event.key];
    if (!act || !told) return;
    event.preventDefault();
    act();
  }

  const misfit = h(
    "select",
    { id: "conv-misfit", onchange: () => { asked.misfit = misfit.value; ask(); } },
    Object.entries(MISFITS).map(([name, label]) => h("option", { value: name, selected: name === asked.misfit }, t(label))),
  );
  const flip = h("input", { type: "checkbox", id: "conv-flip", checked: asked.flip, onchange: () => { asked.flip = flip.checked; ask(); } });
  const element = h(
    "section",
    { class: "convolution" },
    h("h2", {}, t("conv_title")),
    h("p", { class: "note" }, t("conv_note")),
    h(
      "div",
      { class: "fields" },
      TEXTS.slice(0, 2).map((name) => field(name)),
      field("filters", { type: "number", min: 1 }),
      TEXTS.slice(2).map((name) => field(name, name === "pad" ? { list: "conv-pads" } : {})),
      h("datalist", { id: "conv-pads" }, ["valid", "same", "full"].map((name) => h("option", { value: name }))),
      field("groups", { type: "number", min: 1 }),
      h("label", { class: "field" }, h("span", {}, t("misfit")), misfit),
      h("label", { class: "tick" }, flip, " ", t("flip")),
      h("button", { id: "conv-new", onclick: renew }, t("new_numbers")),
    ),
    h("details", {}, h("summary", {}, t("own_numbers")), h("p", { class: "note" }, t("own_note")), h("div", { class: "fields" }, area("x", 8), area("w", 8), area("b", 1))),
    status,
    h("div", { class: "row steps" }, back, play, next, slider, place, h("span", { class: "note keys" }, t("conv_keys"))),
    shown,
  );
  document.addEventListener("keydown", key);
  ask();
  return {
    element,
    leave() {
      document.removeEventListener("keydown", key);
      clearTimeout(later);
      pause();
    },
  };
}

// Planes of numbers as a text, an empty line between them.
function written(planes) {
  return planes.map((plane) => plane.map((row) => row.join(" ")).join("\n")).join("\n\n");
}
