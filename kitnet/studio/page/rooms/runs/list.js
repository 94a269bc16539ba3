// The runs of the folder; which of them are compared, and which one is looked at.

import { percent } from "../../numbers.js";

const COLUMNS = ["compare", "run", "network", "data", "best", "test", "epochs", "state"];
const MOST = 6; // that are compared
const PARTS = { train: "training", val: "validation", test: "test_part" };
const kept = { compared: new Set(), shown: "", folder: "" }; // while another room is open

export function list({ client, t, python, h, say, fill }, onCompared, onShown) {
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const about = h("p", { class: "note" });
  const body = h("tbody", {});
  let boxes = [];

  async function read() {
    try {
      show(await client.ask("/runs", {}));
      say(error, "");
    } catch (reason) {
      say(error, reason.message);
    }
    error.hidden = !error.textContent;
  }

  function show({ folder, runs, left_out }) {
    const good = runs.filter((run) => !run.broken);
    const names = new Set(good.map((run) => run.name));
    if (kept.folder !== folder) Object.assign(kept, { compared: new Set(), shown: "", folder });
    kept.compared = new Set([...kept.compared].filter((name) => names.has(name)));
    const first = good.find((run) => run.here) ?? good[0];
    if (!names.has(kept.shown)) kept.shown = first?.name ?? "";
    if (!kept.compared.size && kept.shown) kept.compared.add(kept.shown);
    say(about, runs.length ? `${t("runs_note", { folder })}${left_out ? ` ${t("runs_left_out", { count: left_out })}` : ""}` : t("no_runs", { folder }));
    boxes = [];
    fill(body, runs.map((run) => (run.broken ? broken(run) : row(run))));
    bound();
    onCompared([...kept.compared]);
    onShown(kept.shown);
  }

  function broken(run) {
    return h("tr", {}, h("td", {}), h("th", { scope: "row" }, run.name), h("td", { colspan: COLUMNS.length - 2, class: "broken-run" }, python(run.broken)));
  }

  function row(run) {
    const box = h("input", { type: "checkbox", "aria-label": t("compare_this", { run: run.name }), checked: kept.compared.has(run.name), onchange: () => choose(run.name, box.checked) });
    boxes.push(box);
    const look = h("button", { class: "name", "aria-pressed": String(run.name === kept.shown), onclick: () => lookAt(run.name) }, run.name);
    look.dataset.run = run.name;
    const best = run.best === null ? "–" : `${percent(run.best, 2)} ${t(PARTS[run.part])}`;
    const epochs = run.of ? t("count_of", { count: run.epochs, all: run.of }) : String(run.epochs);
    const cells = [h("code", {}, run.network), run.data, best, percent(run.test, 2), epochs, t(`state_${run.state}`)];
    return h("tr", {}, h("td", {}, box), h("th", { scope: "row" }, look), cells.map((cell) => h("td", {}, cell)));
  }

  function choose(name, wanted) {
    if (wanted) kept.compared.add(name);
    else kept.compared.delete(name);
    bound();
    onCompared([...kept.compared]);
  }

  // No more than have a colour.
  function bound() {
    for (const box of boxes) box.disabled = !box.checked && kept.compared.size >= MOST;
  }

  function lookAt(name) {
    kept.shown = name;
    for (const button of body.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.run === name));
    onShown(name);
  }

  const off = client.on("summary", read);
  if (!client.latest("summary")) read();
  return {
    element: h(
      "section",
      {},
      h("h2", {}, t("runs")),
      about,
      error,
      h("div", { class: "wide", tabindex: 0 }, h("table", { class: "list", id: "runs-list" }, h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col" }, t(`column_${name}`))))), body)),
      h("div", { class: "row" }, h("button", { id: "read-again", onclick: read }, t("read_again")), h("span", { class: "note" }, t("compare_note", { most: MOST }))),
    ),
    leave: off,
  };
}
