// The language of the page: that of the browser, or the one that was chosen last.

import en from "./words/en.js";
import zh from "./words/zh.js";
import { PARTS, PYTHON } from "./words/zh_python.js";

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
}

// What Python says, in the language of the page where it is one of the kinds that are known, or as it is, with a
// note that it is English.
export function python(text) {
  if (table.code === "en" || !text) return text;
  return known(text) ?? `${text} ${t("told_in_english")}`;
}

// What a message of one of the known kinds says in Chinese, and so what it has taken over from another one.
function known(text) {
  for (const [pattern, words] of PYTHON) {
    const found = text.match(pattern);
    if (!found) continue;
    const parts = found.slice(1).map((part = "") => known(part) ?? PARTS.reduce((told, [each, other]) => told.replace(each, other), part));
    return words.replace(/\$(\d)/g, (_, number) => parts[number - 1]);
  }
  return null;
}

function chosen() {
  const kept = localStorage.getItem(KEPT);
  if (kept in TABLES) return kept;
  const wanted = navigator.languages.map((one) => one.split("-")[0]);
  return wanted.find((one) => one in TABLES) ?? "en";
}
