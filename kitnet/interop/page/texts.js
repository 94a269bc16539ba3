// Every text of the page, one table a language. {n} and its like are filled in.
const TEXTS = {
  en: {
    name: "English",
    image: "Image",
    draw: "Draw here, as large as in the samples below. Or drop a picture anywhere on the page, or paste one.",
    drop: "Drop a picture anywhere on the page, paste one, or choose a file.",
    surface: "Surface to draw on. Arrow keys move the pen, Space puts it down and lifts it, Delete clears.",
    keys: "With keys: arrows move the pen, Space puts it down and lifts it, Delete clears.",
    clear: "Clear",
    choose: "Choose a picture …",
    invert: "Exchange light and dark",
    samples_part: "Samples from the {part} part of {data}",
    samples_file: "Samples from the model file",
    test: "test",
    validation: "validation",
    train: "training",
    sample: "Sample {n}",
    sample_of: "Sample {n}, {label}",
    seen: "What the network gets, {size}",
    classes: "Classes",
    score: "score {score}",
    more: "{n} more classes are less probable.",
    took: "computed in {ms} ms, on this machine alone",
    layers: "Layers",
    shades: "Within a layer black is the smallest number and white the largest. Point at a map, or move with the arrow keys, to read its numbers; maps, rows and columns are counted from 0.",
    maps: "{n} maps of {size}, {low} to {high}",
    numbers: "{n} numbers, {low} to {high}",
    map_at: "map {map}, row {row}, column {column}: {value}",
    number_at: "number {map}: {value}",
    checking: "Checking {done} of {n} samples …",
    passed: "Check passed: {n} samples give the scores that kitnet recorded; the largest difference is {difference}.",
    failed: "Check failed: the scores of the samples are not those that kitnet recorded; the largest difference is {difference}. The page is damaged; export it again.",
    unreadable: "{file} cannot be read as a picture; choose a PNG, JPEG, WebP, GIF or BMP file.",
    too_large: "{file} has {size} pixels, more than 40 million; make it smaller.",
    network: "Network",
    foot: "Made by kitnet {version}. Nothing leaves this page.",
  },
  zh: {
    name: "中文",
    image: "图像",
    draw: "在这里手写，大小参照下方样本；也可以把图片拖到页面任意位置，或直接粘贴。",
    drop: "把图片拖到页面任意位置，或粘贴、选择一张图片。",
    surface: "手写区。方向键移动画笔，空格键落笔或提笔，Delete 键清空。",
    keys: "键盘操作：方向键移动画笔，空格键落笔或提笔，Delete 键清空。",
    clear: "清空",
    choose: "选择图片…",
    invert: "黑白反转",
    samples_part: "样本（取自 {data} 的{part}）",
    samples_file: "样本（模型文件自带）",
    test: "测试集",
    validation: "验证集",
    train: "训练集",
    sample: "样本 {n}",
    sample_of: "样本 {n}，{label}",
    seen: "网络实际看到的输入，{size}",
    classes: "识别结果",
    score: "得分 {score}",
    more: "其余 {n} 类的概率更低。",
    took: "用时 {ms} 毫秒，全部在本机完成",
    layers: "逐层查看",
    shades: "每一层中，数值最小处为黑，最大处为白。把鼠标移到特征图上，或用方向键移动，即可读出数值（编号、行、列均从 0 开始）。",
    maps: "{n} 张特征图，每张 {size}，数值 {low} 至 {high}",
    numbers: "{n} 个数，{low} 至 {high}",
    map_at: "特征图 {map}，行 {row}，列 {column}：{value}",
    number_at: "编号 {map}：{value}",
    checking: "自检中：{done}/{n} 个样本…",
    passed: "自检通过：{n} 个样本的得分与 kitnet 的记录一致，最大误差 {difference}。",
    failed: "自检未通过：样本得分与 kitnet 的记录不符，最大误差 {difference}。页面已损坏，请重新导出。",
    unreadable: "无法读取 {file}，请选择 PNG、JPEG、WebP、GIF 或 BMP 格式的图片。",
    too_large: "{file} 有 {size} 像素，超过 4000 万，请先缩小。",
    network: "网络结构",
    foot: "由 kitnet {version} 生成。一切计算都在本页内完成，不会上传任何内容。",
  },
};

let language = "en";

// The text called `key` in the page's language, with {n} and its like replaced.
function text(key, values = {}) {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// The first language of the browser that there is a table for.
function languageOf(wanted) {
  return wanted.map((one) => one.slice(0, 2).toLowerCase()).find((one) => one in TEXTS) ?? "en";
}

// A number for people, to three digits.
function number(value) {
  const size = Math.abs(value);
  if (size > 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}
