// A surface to draw on, light on dark as handwritten digits are, with pointer or keys and a pen that is so wide.
// Calls changed(picture); gives what clears it.
function surface(canvas, lineWidth, changed) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const { width, height } = canvas;
  const pen = { x: width / 2, y: height / 2, down: false };

  function line(x, y) {
    context.beginPath();
    context.moveTo(pen.x, pen.y);
    context.lineTo(x, y);
    context.stroke();
    Object.assign(pen, { x, y });
    tell();
  }

  const tell = () => changed(pictureOnCanvas(context, 1));

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  }

  function wipe() {
    context.fillStyle = "black";
    context.fillRect(0, 0, width, height);
    Object.assign(context, { strokeStyle: "white", lineWidth, lineCap: "round", lineJoin: "round" });
    pen.down = false;
  }

  function clear() {
    wipe();
    tell();
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    [pen.x, pen.y] = place(event);
    pen.down = true;
    line(pen.x, pen.y);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (pen.down && event.buttons) line(...place(event));
  });
  canvas.addEventListener("pointerup", () => (pen.down = false));
  canvas.addEventListener("keydown", (event) => {
    const step = width / 28;
    const [dx, dy] = ARROWS[event.key] ?? [0, 0];
    if (event.key === " ") {
      pen.down = !pen.down;
      if (pen.down) line(pen.x, pen.y);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
    } else if (dx || dy) {
      const x = Math.min(Math.max(pen.x + dx * step, 0), width);
      const y = Math.min(Math.max(pen.y + dy * step, 0), height);
      if (pen.down) line(x, y);
      else Object.assign(pen, { x, y });
    } else return;
    event.preventDefault();
  });
  wipe();
  return clear;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
