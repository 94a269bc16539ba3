// A part of the room that is about one run: worked out when it is asked for, which may take long.

import { answered } from "../answered.js";

// `words` are its texts; `tell` says how far the work is, and `draw` shows what came in the elements for what was
// found and for the status.
export function section(studio, { id, button, route, words, tell, draw }) {
  const { client, t, h, say, fill } = studio;
  const title = h("h2", {});
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const status = h("p", { class: "note", role: "status" });
  const begin = h("button", { id: button, onclick: ask }, words.button);
  const found = h("div", { id });
  let name = "";
  let asked = 0;

  function show(run) {
    asked++;
    if (run === name && found.childElementCount) return;
    name = run;
    say(title, run ? words.titleOf(run) : words.title);
    say(status, words.note);
    begin.disabled = !run;
    error.hidden = true;
    fill(found);
  }

  async function ask() {
    const number = ++asked;
    begin.disabled = true;
    error.hidden = true;
    try {
      const waits = ({ done, all }) => say(status, all ? tell(done, all) : t("waiting"));
      const told = await answered(client, route, { run: name }, waits, () => number === asked);
      if (told) draw(told, found, status);
    } catch (reason) {
      if (number !== asked) return;
      say(error, reason.message);
      error.hidden = false;
    }
    if (number === asked) begin.disabled = false;
  }

  return {
    element: h("section", { class: "of-run" }, title, h("div", { class: "row" }, begin, status), error, found),
    show,
    leave: () => asked++,
  };
}
