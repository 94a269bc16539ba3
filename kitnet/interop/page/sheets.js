// The maps of one value side by side, and the number that is pointed at.

// {canvas, range}: maps in rows that fit `room` pixels of the screen, enlarged by a whole number.
function sheet(value, room, tell) {
  const [height, width, maps] = value.shape.length === 3 ? value.shape : [1, 1, value.shape[0]];
  const numbers = value.values;
  const low = numbers.reduce((a, b) => Math.min(a, b)), high = numbers.reduce((a, b) => Math.max(a, b));
  const gap = height * width > 1 ? 1 : 0;
  const side = gap ? (maps > 32 ? 36 : 60) : 14; // of a map on the screen, about
  const zoom = Math.max(1, Math.min(Math.floor(side / width), Math.floor(room / (width + gap))));
  const columns = Math.max(1, Math.min(maps, Math.floor(room / ((width + gap) * zoom))));
  const rows = Math.ceil(maps / columns);
  const across = columns * (width + gap) - gap, down = rows * (height + gap) - gap;
  const image = new ImageData(across, down); // transparent between maps

  // Where number i of map c lies on the sheet.
  const left = (c) => (c % columns) * (width + gap), top = (c) => Math.floor(c / columns) * (height + gap);
  for (let c = 0; c < maps; c++) {
    for (let i = 0; i < height * width; i++) {
      const at = 4 * ((top(c) + Math.floor(i / width)) * across + left(c) + (i % width));
      const shade = high > low ? (255 * (numbers[i * maps + c] - low)) / (high - low) : 128;
      image.data[at] = image.data[at + 1] = image.data[at + 2] = shade;
      image.data[at + 3] = 255;
    }
  }
  const canvas = element("canvas", { width: across, height: down, className: "sheet", tabIndex: 0 });
  canvas.style.width = `${across * zoom}px`;
  canvas.getContext("2d").putImageData(image, 0, 0);

  const point = { x: 0, y: 0 };
  function read() {
    const c = Math.floor(point.y / (height + gap)) * columns + Math.floor(point.x / (width + gap));
    const row = point.y % (height + gap), column = point.x % (width + gap);
    if (c >= maps || row >= height || column >= width) return;
    const found = number(numbers[(row * width + column) * maps + c]);
    tell(text(gap ? "map_at" : "number_at", { map: c, row, column, value: found }));
  }
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    point.x = Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * across), 0), across - 1);
    point.y = Math.min(Math.max(Math.floor(((event.clientY - box.top) / box.height) * down), 0), down - 1);
    read();
  });
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in ARROWS)) return;
    const [dx, dy] = ARROWS[event.key];
    const edge = (p, d, each) => (gap && (p + d) % (each + gap) === each ? p + 2 * d : p + d); // over the gap
    point.x = Math.min(Math.max(edge(point.x, dx, width), 0), across - 1);
    point.y = Math.min(Math.max(edge(point.y, dy, height), 0), down - 1);
    read();
    event.preventDefault();
  });

  const named = { n: maps, size: `${height}×${width}`, low: number(low), high: number(high) };
  return { canvas, range: text(gap ? "maps" : "numbers", named) };
}
