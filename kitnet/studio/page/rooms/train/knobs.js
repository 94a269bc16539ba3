// Numbers that can be changed while it trains.

import { short, whole } from "../../numbers.js";

const NAMES = ["lr", "momentum", "decay", "batch"];
const SCALED = ["lr", "batch"]; // with buttons that halve and double

export function knobs({ client, t, h, say, fill }) {
  const offs = [];
  const fields = {};
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const pending = h("p", { class: "note", role: "status", id: "pending" });
  const about = h("p", { class: "note" });
  const made = h("ol", { class: "changes", id: "changes" });
  const told = (what) =>
    Object.entries(what)
      .map(([name, value]) => `${t(name)} ${name === "batch" ? whole(value) : short(value)}`)
      .join(", ");

  function row(name) {
    const input = h("input", { type: "number", id: `knob-${name}`, step: "any", min: name === "batch" ? 1 : 0 });
    const scaled = (factor, key, sign) =>
      h(
        "button",
        {
          type: "button",
          "aria-label": t(key, { what: t(name) }),
          onclick: () => (input.value = String(name === "batch" ? Math.max(1, Math.round(input.value * factor)) : input.value * factor)),
        },
        sign,
      );
    const buttons = SCALED.includes(name) ? [scaled(0.5, "halve", "÷2"), scaled(2, "double", "×2")] : [];
    const element = h("div", { class: "knob" }, h("label", { for: `knob-${name}` }, t(name)), input, buttons);
    fields[name] = { input, element };
    return element;
  }

  async function apply(event) {
    event.preventDefault();
    const held = client.latest("settings")?.numbers ?? {};
    const changed = {};
    for (const [name, { input }] of Object.entries(fields)) {
      if (name in held && input.value !== "" && Number(input.value) !== held[name]) changed[name] = Number(input.value);
    }
    if (!Object.keys(changed).length) return;
    try {
      await client.ask("/change", changed);
      say(error, "");
      say(pending, t("pending", { what: told(changed) }));
    } catch (reason) {
      say(error, reason.message);
    }
    error.hidden = !error.textContent;
  }

  const form = h(
    "form",
    { onsubmit: apply },
    NAMES.map(row),
    h("button", { id: "apply" }, t("apply")),
    h("p", { class: "note" }, t("applies")),
  );

  offs.push(
    client.on("settings", (frame) => {
      for (const [name, { input, element }] of Object.entries(fields)) {
        element.hidden = !(name in frame.numbers);
        if (!element.hidden && document.activeElement !== input) input.value = frame.numbers[name];
      }
      say(about, t("optimizer", frame));
    }),
    client.on("changes", (frame) => {
      say(pending, "");
      const shown = frame.changes.slice(-8);
      fill(made, shown.map((one) => h("li", {}, t("changed", { step: whole(one.done), what: told(one.numbers) }))));
    }),
  );
  return {
    element: h("section", { class: "knobs" }, h("h2", {}, t("knobs")), about, form, error, pending, made),
    leave() {
      for (const off of offs) off();
    },
  };
}
