// Some pictures with the most probable classes, renewed while it learns.

import { percent } from "../../numbers.js";

export function pictures({ client, t, h, say, fill }) {
  const offs = [];
  const note = h("p", { class: "note" });
  const sheet = h("div", { class: "sheet", id: "pictures" });
  let cards = [];

  function card(image, label, number, classes) {
    const bars = Array.from({ length: 3 }, () => {
      const fillIn = h("i", {});
      const text = h("span", {});
      return { fillIn, text, element: h("div", { class: "bar" }, fillIn, text) };
    });
    const mark = h("span", { class: "mark" });
    const button = h(
      "button",
      { class: "picture", "aria-pressed": "false", onclick: () => client.ask("/look", { picture: number }) },
      h("img", { src: image, alt: t("picture", { number: number + 1, label: classes[label] }) }),
      h("span", { class: "label" }, classes[label], " ", mark),
      bars.map((bar) => bar.element),
    );
    return { bars, button, label, mark };
  }

  function judge(frame) {
    const classes = client.latest("pictures")?.classes;
    if (!frame?.finite || !classes) return;
    cards.forEach(({ bars, button, label, mark }, i) => {
      const top = frame.top[i];
      if (!top) return;
      const right = top[0][0] === label;
      say(mark, right ? `✓ ${t("right")}` : `✗ ${t("wrong")}`);
      mark.className = `mark ${right ? "right" : "wrong"}`;
      button.setAttribute("aria-pressed", String(i === frame.picture));
      bars.forEach(({ fillIn, text, element }, k) => {
        element.hidden = !top[k];
        if (!top[k]) return;
        const [number, share] = top[k];
        fillIn.style.width = `${100 * share}%`;
        fillIn.className = number === label ? "right" : "";
        say(text, `${classes[number]} ${percent(share)}`);
      });
    });
  }

  offs.push(
    client.on("pictures", (frame) => {
      say(note, t(`pictures_${frame.part}`));
      cards = frame.images.map((image, i) => card(image, frame.labels[i], i, frame.classes));
      fill(sheet, cards.map((one) => one.button));
      judge(client.latest("look"));
    }),
    client.on("look", judge),
  );
  return {
    element: h("section", { class: "pictures" }, h("h2", {}, t("pictures")), note, sheet),
    leave() {
      for (const off of offs) off();
    },
  };
}
