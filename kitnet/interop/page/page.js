// The page: what is shown of which picture, and what starts it all.
const MOST_BARS = 12;

const network = networkOf(JSON.parse(find("description").textContent), floatsOf(find("weights").textContent));
const samples = network.samples.map((sample) => ({
  ...sample, pixels: bytesOf(sample.pixels), scores: floatsOf(sample.scores),
}));
const check = { done: 0, difference: 0, passed: true };
let picture = samples[0];
let values; // of all layers for this picture
let took = 0;
let message = "";

function scoresOf(picture) {
  return forward(network, prepared(network.preparation, picture))[network.scores].values;
}

// The network's values for another picture, or for the same one again.
function classify(next = picture) {
  picture = next;
  const begun = performance.now();
  const used = find("invert").checked ? inverted(picture) : picture;
  values = forward(network, prepared(network.preparation, used));
  took = performance.now() - begun;
  message = "";
  show();
}

function show() {
  showTexts();
  showCheck();
  showClasses();
  showLayers();
  find("message").textContent = message;
}

function showTexts() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const place of document.querySelectorAll("[data-text]")) place.textContent = text(place.dataset.text);
  for (const button of find("languages").children) button.ariaPressed = String(button.lang === language);
  const { part, data } = network;
  find("origin").textContent = part ? text("samples_part", { part: text(part), data }) : text("samples_file");
  for (const [i, button] of [...find("samples").children].entries()) {
    const { label } = samples[i];
    button.title = button.ariaLabel = text(label ? "sample_of" : "sample", { n: i + 1, label });
    button.ariaPressed = String(picture === samples[i]);
  }
  if (find("surface")) find("surface").ariaLabel = text("surface");
  find("hint").textContent = text(network.preparation.input[2] === 1 ? "draw" : "drop");
  find("foot").textContent = text("foot", { version: network.version });
}

function showCheck() {
  const { done, difference, passed } = check, n = samples.length;
  const state = !passed ? "failed" : done < n ? "checking" : "passed";
  find("check").dataset.state = state;
  find("check").textContent = `${{ checking: "…", passed: "✓", failed: "✗" }[state]} ${text(
    state, { n, done, difference: number(difference) })}`;
}

function showClasses() {
  const scores = values[network.scores].values;
  const probabilities = PROBABILITIES[network.probabilities.rule](scores, network.probabilities.rubbish);
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const shown = order.slice(0, MOST_BARS);
  find("bars").replaceChildren(...shown.map((k, place) => {
    const meter = element("span", { className: "bar" }, element("span"));
    meter.firstChild.style.width = `${100 * probabilities[k]}%`;
    return element("li", { className: place ? "" : "best", title: text("score", { score: scores[k] }) },
      element("span", { className: "class" }, network.classes[k]), meter,
      element("span", { className: "share" }, `${(100 * probabilities[k]).toFixed(1)} %`),
      element("span", { className: "score" }, text("score", { score: number(scores[k]) })));
  }));
  const left = order.length - shown.length;
  find("more").textContent = left ? text("more", { n: left }) : "";
  find("took").textContent = text("took", { ms: Math.max(1, Math.round(took)) });
}

function showLayers() {
  const [height, width] = network.preparation.input, room = find("layers").clientWidth;
  find("seen").textContent = text("seen", { size: network.preparation.input.join("×") });
  const used = find("invert").checked ? inverted(picture) : picture;
  const placed = centred(resized(network.preparation.input[2] === 1 && used.depth === 3 ? grey(used) : used,
    ...network.preparation.resize), height, width);
  find("input").replaceChildren(canvasOf(placed));
  find("layers").replaceChildren(...network.layers.map((layer, i) => {
    const told = element("span", { className: "told" });
    const { canvas, range } = sheet(values[i + 1], room, (words) => (told.textContent = words));
    canvas.ariaLabel = `${layer.path}: ${range}`;
    return element("section", {},
      element("h3", {}, layer.path, " ", element("code", {}, layer.line)),
      element("p", { className: "note" }, range, " ", told), canvas);
  }));
}

// Each sample once more, with a pause in between in which the page answers.
async function checkSamples() {
  for (const sample of samples) {
    await new Promise((resolve) => setTimeout(resolve));
    const found = differenceOf(scoresOf(sample), sample.scores, network.close);
    check.difference = Math.max(check.difference, found.difference);
    check.passed &&= found.passed;
    check.done++;
    showCheck();
  }
}

async function take(file) {
  try {
    classify(await pictureOf(file));
  } catch (error) {
    message = error.message;
    find("message").textContent = message;
  }
}

function begin() {
  language = languageOf(navigator.languages);
  find("languages").append(...Object.keys(TEXTS).map((one) => element("button", {
    type: "button", lang: one, onclick: () => { language = one; show(); },
  }, TEXTS[one].name)));
  find("samples").append(...samples.map((sample) => element("button", {
    type: "button", onclick: () => classify(sample),
  }, canvasOf(sample), sample.label)));
  if (network.preparation.input[2] === 1) {
    const canvas = find("surface");
    // two pixels of a sample, as digits are written
    const pen = (2 * canvas.height) / Math.min(Math.max(samples[0].height, 8), 32);
    find("clear").onclick = surface(canvas, pen, classify);
  } else {
    find("drawing").remove();
    find("clear").remove();
  }
  find("invert").onchange = () => classify();
  find("choose").onclick = () => find("file").click();
  find("file").onchange = () => find("file").files.length && take(find("file").files[0]);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) take(event.clipboardData.files[0]);
  });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; showLayers(); }
  });
  classify();
  checkSamples();
}

begin();
