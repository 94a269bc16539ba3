// Windows along one axis: `size` places with `before` places of padding give `output` positions. A stride of 0
// says that windows are regions, parts of the axis as equal as can be.

// The place of a window's first tap, below 0 where it lies in padding.
function start(axis, o) {
  return axis.stride ? o * axis.stride - axis.before : Math.floor((o * axis.size) / axis.output);
}

// The taps of a window that lie on the input: from the first one to before `end`.
function taps(axis, o) {
  const s = start(axis, o);
  if (!axis.stride) return [0, Math.ceil(((o + 1) * axis.size) / axis.output) - s];
  const first = Math.max(Math.ceil(-s / axis.dilation), 0);
  const end = Math.min(Math.ceil((axis.size - s) / axis.dilation), axis.window);
  return [first, end];
}

// Calls visit(position, places, count) for each window over a volume of width x places: the places
// (h * width + w) that it sees, `count` of them.
function eachWindow([rows, columns], visit) {
  const places = new Int32Array(rows.window * columns.window);
  for (let oy = 0; oy < rows.output; oy++) {
    const [firstRow, endRow] = taps(rows, oy);
    for (let ox = 0; ox < columns.output; ox++) {
      const [firstColumn, endColumn] = taps(columns, ox);
      let count = 0;
      for (let r = firstRow; r < endRow; r++) {
        const h = start(rows, oy) + r * rows.dilation;
        for (let s = firstColumn; s < endColumn; s++) {
          places[count++] = h * columns.size + start(columns, ox) + s * columns.dilation;
        }
      }
      visit(oy * columns.output + ox, places, count);
    }
  }
}
