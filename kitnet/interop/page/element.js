// element("p", {className: "note"}, "text"): texts are texts, whatever they hold, never HTML.
function element(name, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...inside);
  return made;
}

const find = (id) => document.getElementById(id);

// Bytes as a canvas: grey, or red, green and blue.
function canvasOf({ height, width, depth, pixels }) {
  const canvas = element("canvas", { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[i * depth + (c % depth)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
