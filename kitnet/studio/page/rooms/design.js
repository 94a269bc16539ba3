// Design: a network's line, edited live.

import { short, volume, whole } from "../numbers.js";
import { answered } from "./answered.js";
import { drawVolumes } from "./design/volumes.js";

export const id = "design";
const WAIT = 250; // milliseconds after a key
const COLUMNS = ["path", "kind", "output", "values", "parameters", "multiply_adds", "field"];
const FIRST = "28x28x1 -> conv5-6 -> tanh -> maxpool2 -> conv5-16 -> tanh -> maxpool2 -> fc84 -> tanh -> fc10";
let kept = ""; // while another room is open

export function mount(element, studio) {
  const { client, t, python, h, say, fill } = studio;
  const text = h("textarea", { id: "line", rows: 4, spellcheck: "false", autocapitalize: "off", autocomplete: "off", oninput: later });
  const begin = h("select", { id: "begin", onchange: () => take(begin.value) }, h("option", { value: "" }, t("own_line")));
  const status = h("p", { id: "verdict", role: "status" });
  const caret = h("pre", { class: "caret", hidden: true, id: "caret" });
  const memory = h("p", { id: "memory", role: "status", hidden: true });
  const train = h("button", { id: "train-line", class: "main", disabled: true, onclick: go }, t("train_line"));
  const found = h("div", {});
  let timer = 0;
  let asked = 0;

  function later() {
    begin.value = "";
    kept = text.value;
    clearTimeout(timer);
    timer = setTimeout(read, WAIT);
  }

  function take(line) {
    if (!line) return;
    text.value = kept = line;
    read();
  }

  async function read() {
    const number = ++asked;
    say(status, t("reading_line"));
    const written = text.value.trim();
    try {
      const told = await client.ask("/design", { line: written });
      if (number !== asked) return;
      if (!written.includes("->") && !written.includes("→")) text.value = kept = told.line; // it was a name
      show(told);
      await foretell(told.line, number);
    } catch (error) {
      if (number === asked) refuse(error);
    }
  }

  // What training it would need, before anybody begins with it.
  async function foretell(line, number) {
    memory.hidden = true;
    const told = await answered(client, "/foretell", { line }, () => {}, () => number === asked);
    if (!told?.bytes) return;
    const values = { batch: whole(told.batch), need: bytes(told.bytes), free: told.free === null ? "–" : bytes(told.free), fits: whole(told.fits) };
    memory.className = told.is_too_much ? "error" : "note";
    say(memory, t(!told.is_too_much ? "memory_fits" : told.fits ? "memory_batch" : "memory_never", values));
    memory.hidden = false;
  }

  function refuse({ message, column }) {
    memory.hidden = true;
    train.disabled = true;
    status.className = "error";
    say(status, message);
    caret.hidden = column === null || column === undefined;
    if (caret.hidden) return;
    const line = text.value.trim();
    const end = line.slice(column).search(/\s|$/) + column;
    fill(caret, line.slice(0, column), h("mark", {}, line.slice(column, Math.max(end, column + 1)) || " "), line.slice(end));
  }

  function show(told) {
    train.disabled = false;
    status.className = "";
    caret.hidden = true;
    say(status, t("fits", { parameters: whole(told.totals.parameters), multiply_adds: whole(told.totals.multiply_adds), bytes: bytes(told.training_bytes) }));
    fill(
      found,
      told.advice.length > 0 && h("section", {}, h("h2", {}, t("advice")), h("ul", { id: "advice" }, told.advice.map((one) => h("li", {}, python(one))))),
      h("section", {}, h("h2", {}, t("volumes")), h("p", { class: "note" }, t("volumes_note")), h("div", { class: "wide", tabindex: 0 }, drawVolumes(told.rows, t))),
      h("section", {}, h("h2", {}, t("ledger")), h("div", { class: "wide", tabindex: 0 }, ledger(told)), told.left_out > 0 && h("p", {}, t("left_out", { count: told.left_out }))),
    );
  }

  function ledger(told) {
    const cell = { output: volume, field: volume, path: String, kind: String };
    const row = (one) => h("tr", {}, COLUMNS.map((name) => h(name === "path" ? "th" : "td", name === "path" ? { scope: "row" } : {}, (cell[name] ?? whole)(one[name]))));
    const total = h("tr", { class: "total" }, COLUMNS.map((name) => h(name === "path" ? "th" : "td", {}, name === "path" ? t("total") : name in told.totals ? whole(told.totals[name]) : "")));
    return h("table", { class: "ledger", id: "ledger" }, h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col" }, t(`column_${name}`))))), h("tbody", {}, told.rows.map(row), total));
  }

  async function go() {
    try {
      await client.ask("/train", { line: text.value.trim() });
      location.hash = "#train";
    } catch (error) {
      refuse(error);
    }
  }

  fill(
    element,
    h(
      "section",
      {},
      h("div", { class: "row" }, h("label", { for: "begin" }, t("begin_from")), begin),
      h("label", { for: "line" }, t("line")),
      text,
      h("p", { class: "note" }, t("design_note")),
      status,
      caret,
      memory,
      h("div", { class: "row" }, train, h("span", { class: "note" }, t("train_line_note"))),
    ),
    found,
  );
  client.ask("/models", {}).then(({ models }) => {
    for (const one of models) begin.append(h("option", { value: one.name }, `${one.name} · ${one.year} · ${one.title}`));
  });
  const line = client.latest("run")?.line;
  text.value = kept || (line?.includes("->") ? line : FIRST); // a graph of a file may have none
  read();
  return () => clearTimeout(timer);
}

function bytes(count) {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, count)) / 10));
  return `${short(count / 1024 ** power)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}
