// A surface to draw a digit on, light on dark as handwritten digits are, with pointer or keys.

const SIDE = 280;
const PEN = 22;
const STEP = 10;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// `drawn` gets the picture as a PNG file in base64.
export function drawing({ t, h }, drawn) {
  const canvas = h("canvas", { id: "drawing", width: SIDE, height: SIDE, tabindex: 0, role: "img", "aria-label": t("inside_draw_keys"), onkeydown: key, onpointerdown: down, onpointermove: drag, onpointerup: up });
  const context = canvas.getContext("2d");
  let pen = null; // where it is, and whether it draws

  function clear() {
    context.fillStyle = "black";
    context.fillRect(0, 0, SIDE, SIDE);
    Object.assign(context, { strokeStyle: "white", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    pen = { x: SIDE / 2, y: SIDE / 2, draws: false };
  }

  function line(x, y) {
    context.beginPath();
    context.moveTo(pen.x, pen.y);
    context.lineTo(x, y);
    context.stroke();
    Object.assign(pen, { x, y });
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  function down(event) {
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    pen = { x, y, draws: true };
    line(x, y);
  }

  function drag(event) {
    if (pen.draws && event.buttons) line(...place(event));
  }

  function up() {
    pen.draws = false;
    tell();
  }

  function tell() {
    drawn(canvas.toDataURL("image/png").split(",")[1]);
  }

  function key(event) {
    const [across, down] = ARROWS[event.key] ?? [0, 0];
    if (event.key === " ") {
      pen.draws = !pen.draws;
      if (pen.draws) line(pen.x, pen.y);
      else tell();
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else if (across || down) {
      const to = [pen.x + across * STEP, pen.y + down * STEP].map((one) => Math.min(SIDE, Math.max(0, one)));
      if (pen.draws) line(...to);
      else [pen.x, pen.y] = to;
    } else return;
    event.preventDefault();
  }

  clear();
  return {
    element: h("div", { class: "row" }, canvas, h("div", {}, h("p", { class: "note" }, t("inside_draw_keys")), h("button", { onclick: clear }, t("inside_clear")))),
  };
}
