// The shell: title, navigation, language, and the room that is open.

import { Client } from "./client.js";
import { fill, h, say } from "./elements.js";
import { LANGUAGES, choose, language, mark, python, t } from "./language.js";
import { ROOMS } from "./rooms.js";

const studio = { client: new Client(), t, python, h, fill, say };
let leave = () => {};
let unhear = () => {}; // of the connection

function open() {
  const room = ROOMS.find((one) => `#${one.id}` === location.hash) ?? ROOMS[0];
  leave();
  mark();
  document.title = `${t("title")} – ${t(`room_${room.id}`)}`;
  const main = h("main", { id: "room", tabindex: "-1" });
  fill(document.body, header(room), connection(), main);
  document.querySelector("nav [aria-current]").scrollIntoView({ inline: "center", block: "nearest" });
  const gone = room.mount(main, studio);
  leave = gone ?? (() => {});
}

function header(room) {
  const link = (one) =>
    h("a", { href: `#${one.id}`, "aria-current": one === room && "page" }, t(`room_${one.id}`));
  const select = h(
    "select",
    {
      "aria-label": t("language"),
      onchange: (event) => {
        choose(event.target.value);
        open();
        document.querySelector("header select").focus();
      },
    },
    LANGUAGES.map((code) => h("option", { value: code, selected: code === language() }, t(`language_${code}`))),
  );
  return h(
    "header",
    {},
    h("strong", {}, t("title")),
    h("nav", { "aria-label": t("rooms") }, ROOMS.map(link)),
    select,
  );
}

function connection() {
  const { client } = studio;
  const line = h("p", { class: "broken", role: "status", hidden: true });
  unhear();
  unhear = client.on("connection", ({ open, patient }) => {
    line.hidden = open;
    if (open) return;
    const over = client.latest("over");
    const folder = client.latest("state")?.folder;
    const again = over ? over.again : folder && `kitnet studio ${folder}`;
    const told = t(over ? "over" : patient ? "disconnected" : "gone");
    const how = again ? [t("over_again"), " ", h("code", {}, again)] : t("over_same");
    fill(line, told, " ", (over || !patient) && how);
  });
  return line;
}

window.addEventListener("hashchange", () => {
  open();
  document.getElementById("room").focus({ preventScroll: true });
  window.scrollTo(0, 0);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", open);
open();
