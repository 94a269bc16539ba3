// y[o, k] = b[k] + sum over taps r and maps c of x[start(o) + dilation * r, c] * w[k, r, c]
//
// The windows of one row of positions are written side by side (im2col), 0 in padding, and meet the filters,
// which Python has put one behind the other. With `groups` filters see only the maps of their own group.
function convolution(layer, x) {
  const [rows, columns] = layer.axes;
  const depth = x.shape[2], each = depth / layer.groups;
  const filters = layer.shape[2], many = filters / layer.groups;
  const length = rows.window * columns.window * each;
  const windows = new Float32Array(columns.output * length);
  const y = new Float32Array(rows.output * columns.output * filters);
  for (let oy = 0; oy < rows.output; oy++) {
    for (let g = 0; g < layer.groups; g++) {
      gather(x, layer.axes, oy, g * each, each, windows);
      const at = oy * columns.output * filters;
      products(windows, columns.output, layer.weight, g * many, (g + 1) * many, length, layer.bias, y, at, filters);
    }
  }
  return y;
}

// What the windows of row oy see of the maps from `map` on, `each` of them: (positions, taps, maps) in `windows`.
function gather(x, [rows, columns], oy, map, each, windows) {
  const depth = x.shape[2], values = x.values;
  const [firstRow, endRow] = taps(rows, oy);
  windows.fill(0);
  for (let ox = 0; ox < columns.output; ox++) {
    const [firstColumn, endColumn] = taps(columns, ox);
    for (let r = firstRow; r < endRow; r++) {
      const h = start(rows, oy) + r * rows.dilation;
      for (let s = firstColumn; s < endColumn; s++) {
        const w = start(columns, ox) + s * columns.dilation;
        const from = (h * columns.size + w) * depth + map;
        const to = ((ox * rows.window + r) * columns.window + s) * each;
        for (let c = 0; c < each; c++) windows[to + c] = values[from + c];
      }
    }
  }
}
