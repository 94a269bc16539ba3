// Start, pause, step, back; where the run is.

import { duration, moment, percent, short, whole } from "../../numbers.js";

export function controls({ client, t, python, h, say, fill }) {
  const offs = [];
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const told = (text) => {
    say(error, text);
    error.hidden = !text;
  };
  const act = (what) =>
    client.ask("/do", { do: what }).then(
      () => told(""),
      (reason) => told(reason.message),
    );
  const go = h("button", { class: "main", id: "go", onclick: () => toggle() }, t("start"));
  const step = h("button", { id: "step", onclick: () => act("step") }, t("step"));
  const back = h("button", { id: "back", onclick: () => act("back") }, t("back"));
  const state = h("span", { class: "state", id: "state", role: "status" });
  const place = h("span", { id: "place" });
  const bar = h("progress", { "aria-label": t("progress"), max: 1, value: 0 });
  const numbers = { speed: h("b", { id: "speed" }), left: h("b", {}), rate_now: h("b", {}), forward_each: h("b", { id: "forward" }), backward_each: h("b", { id: "backward" }) };
  const line = h("code", { class: "line" });
  const about = h("p", { class: "note" });
  const end = h("p", { id: "end", hidden: true });
  const more = h("p", { class: "note", id: "more-epochs", hidden: true });
  const notes = h("ul", { class: "notes" });

  let now = "";
  function toggle() {
    return act(now === "running" ? "pause" : "start");
  }

  offs.push(
    client.on("state", (frame) => {
      now = frame.state;
      tell(client.latest("kernels"));
      say(go, t(now === "running" ? "pause" : "start"));
      go.disabled = !["running", "paused"].includes(now);
      step.disabled = go.disabled;
      back.disabled = !["running", "paused", "failed"].includes(now);
      told(python(frame.error));
    }),
    client.on("kernels", tell),
    client.on("run", (frame) => {
      say(line, frame.line);
      const counts = {
        data: frame.data,
        samples: whole(frame.samples),
        validation: whole(frame.validation_samples),
        test: whole(frame.test_samples),
      };
      fill(about, t("run_of", counts), h("br"), t("folder", { folder: frame.folder }));
      bar.value = ((frame.epoch - 1) * frame.steps + frame.first_step) / (frame.epochs * frame.steps);
      say(place, t("epoch_of", frame));
      end.hidden = more.hidden = true;
    }),
    client.on("step", (frame) => {
      const { epochs } = client.latest("run");
      say(place, t("epoch_and_step", { ...frame, epochs }));
      bar.value = (frame.epoch - 1 + frame.step / frame.steps) / epochs;
      say(numbers.speed, whole(frame.images_per_second));
      say(numbers.left, duration(frame.seconds_left));
      say(numbers.rate_now, short(frame.rate));
    }),
    client.on("look", ({ times }) => {
      say(numbers.forward_each, moment(times?.ways.forward / times?.samples));
      say(numbers.backward_each, moment(times?.ways.backward / times?.samples));
    }),
    client.on("summary", ({ numbers: summary }) => {
      const part = ["test", "val", "train"].find((one) => summary[`${one}_accuracy`] !== null);
      const key = { test: "finished", val: "finished_val", train: "finished_train" }[part];
      say(end, t(key, { [part]: percent(summary[`${part}_accuracy`], 2), epoch: summary.best_epoch }));
      end.hidden = false;
      more.hidden = false;
      say(more, t("more_epochs", { folder: client.latest("run")?.folder, epochs: summary.epochs + 1 }));
    }),
    client.on("notes", (frame) => fill(notes, frame.texts.map((text) => h("li", {}, python(text))))),
  );

  function tell(kernels) {
    if (now) say(state, t(`state_${now}`, kernels ?? { ready: 0, all: 0 }));
  }

  const key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, button, a, summary")) return;
    if (event.key === " " && !go.disabled) toggle();
    else if (event.key.toLowerCase() === "s" && !step.disabled) act("step");
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", key);

  const number = (key) => h("span", { class: "number" }, numbers[key], " ", t(key));
  return {
    element: h(
      "section",
      { class: "controls", "aria-label": t("room_train") },
      h("p", {}, line),
      about,
      h("div", { class: "row" }, go, step, back, state),
      error,
      end,
      more,
      h("div", { class: "row" }, bar, place),
      h("div", { class: "row" }, number("speed"), number("forward_each"), number("backward_each"), number("left"), number("rate_now")),
      notes,
      h("p", { class: "note keys" }, t("keys")),
    ),
    leave() {
      document.removeEventListener("keydown", key);
      for (const off of offs) off();
    },
  };
}
