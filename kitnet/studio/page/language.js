// The language of the page: that of the browser, or the one that was chosen last.

import en from "./words/en.js";
import zh from "./words/zh.js";

const TABLES = { en, zh };
const KEPT = "language";
let table = TABLES[chosen()];

export const LANGUAGES = Object.keys(TABLES);

export function language() {
  return table.code;
}

export function choose(code) {
  table = TABLES[code];
  localStorage.setItem(KEPT, code);
  mark();
}

// The text of a key; {name} in it is filled in.
export function t(key, values = {}) {
  const text = table[key];
  if (text === undefined) throw new Error(key);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

export function mark() {
  document.documentElement.lang = table.code === "zh" ? "zh-Hans" : table.code;
  const note = table.code === "en" ? "" : t("told_in_english"); // behind what Python says
  document.documentElement.style.setProperty("--python-note", JSON.stringify(note));
}

function chosen() {
  const kept = localStorage.getItem(KEPT);
  if (kept in TABLES) return kept;
  const wanted = navigator.languages.map((one) => one.split("-")[0]);
  return wanted.find((one) => one in TABLES) ?? "en";
}
