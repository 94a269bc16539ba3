// The data set of one run: how many images of each class, what is broken or twice there, the first images.

import { percent, short, volume, whole } from "../../numbers.js";
import { section } from "./section.js";

const PARTS = { train: "training", validation: "validation", test: "test_part" };

export function dataset(studio) {
  const { t, h, say, fill } = studio;
  function draw(told, found, status) {
    const parts = Object.entries(told.parts);
    say(status, told.name);
    fill(
      found,
      h("ul", { class: "facts" }, parts.map(([part, one]) => h("li", {}, facts(part, one)))),
      parts.length === 1 && h("p", {}, t("one_part")),
      told.empty.length > 0 && h("p", { class: "error" }, t("empty_classes", { classes: told.empty.join(", ") })),
      parts.map(([part, one]) => one.broken.all > 0 && listed(t("broken_images", { part: t(PARTS[part]), count: whole(one.broken.all), all: whole(one.images + one.broken.all) }), `broken-${part}`, "", one.broken, studio.python)),
      parts.length > 1 &&
        (told.duplicates.all
          ? listed(t("duplicates", { count: whole(told.duplicates.all) }), "duplicates", "", told.duplicates, twice)
          : h("p", { id: "duplicates" }, t("no_duplicates"))),
      h("h3", {}, t("classes")),
      h("div", { class: "wide", tabindex: 0 }, counts(told, parts)),
      told.classes_left_out > 0 && h("p", { class: "note" }, t("classes_left_out", { count: whole(told.classes_left_out) })),
      h("h3", {}, t("contact_sheet")),
      h("div", { class: "sheets" }, sheet(told.sheets[0], t("as_they_are")), told.sheets[1] && sheet(told.sheets[1], t("augmented", { augment: told.augment }))),
    );
  }

  function facts(part, one) {
    const sizes = one.sizes.map(([size, count]) => `${volume(size)} (${whole(count)})`).join(", ");
    const more = one.sizes_left_out ? t("more_sizes", { count: one.sizes_left_out }) : "";
    const list = (values) => values.map((value) => short(value)).join(" ");
    return t("facts", { part: t(PARTS[part]), images: whole(one.images), sizes: [sizes, more].filter(Boolean).join(" "), mean: list(one.mean), deviation: list(one.deviation) });
  }

  const twice = (one) => t(one.same_class ? "duplicate" : "duplicate_elsewhere", { picture: one.picture, train: one.train, part: t(PARTS[one.part]) });

  function listed(told, id, kind, some, text) {
    const more = some.all - some.first.length;
    return h("details", { open: some.all <= 20 }, h("summary", {}, told), h("ul", { id, class: kind }, some.first.map((one) => h("li", {}, text(one))), more > 0 && h("li", {}, t("and_more", { count: whole(more) }))));
  }

  // A bar and its number for each class and part; the longest bar is the largest count of its part.
  function counts(told, parts) {
    const most = parts.map(([, one]) => Math.max(1, ...one.counts));
    const head = h("tr", {}, h("th", { scope: "col" }, t("column_class")), parts.map(([part]) => h("th", { scope: "col" }, t(PARTS[part]))));
    const rows = told.classes.map((label, i) =>
      h("tr", {}, h("th", { scope: "row" }, label), parts.map(([, one], j) => h("td", {}, bar(one.counts[i], one.counts[i] / most[j], one.counts[i] / one.images)))),
    );
    return h("table", { class: "list counts", id: "class-counts" }, h("thead", {}, head), h("tbody", {}, rows));
  }

  function bar(count, length, share) {
    const inner = h("i", { class: "right" });
    inner.style.width = `${100 * length}%`;
    return h("div", { class: "bar", title: percent(share) }, inner, h("span", {}, whole(count)));
  }

  function sheet(source, told) {
    return h("div", { class: "contact" }, h("p", {}, told), h("img", { src: source, alt: told }));
  }

  return section(studio, {
    id: "dataset",
    button: "look-at-data",
    route: "/data",
    words: { title: t("data_set"), titleOf: (run) => t("data_of", { run }), note: t("look_at_data_note"), button: t("look_at_data") },
    tell: (done, all) => t("looked_at", { done: whole(done), all: whole(all) }),
    draw,
  });
}
