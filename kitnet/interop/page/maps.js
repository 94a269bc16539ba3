// Layers that treat or move whole maps.

// y[i, c] = (x[i, c] - mean[c]) * factor[c] + shift[c] with factor = scale / sqrt(var + eps)
function batchNorm(layer, x) {
  const { mean, factor, shift } = layer, depth = mean.length;
  return x.values.map((value, i) => (value - mean[i % depth]) * factor[i % depth] + shift[i % depth]);
}

// y = x + b, with a number b of its own for every number of x.
function addBias(layer, x) {
  return x.values.map((value, i) => value + layer.bias[i]);
}

// y = a + b + ...
function add(layer, ...x) {
  return x[0].values.map((_, i) => x.reduce((sum, one) => sum + one.values[i], 0));
}

// y is x with maps of zeros behind its own.
function padChannels(layer, x) {
  const depth = x.shape.at(-1), more = layer.shape.at(-1);
  const y = new Float32Array((x.values.length / depth) * more);
  for (let i = 0; i < x.values.length; i++) y[Math.floor(i / depth) * more + (i % depth)] = x.values[i];
  return y;
}

// y[h, w] = x[rows[h], columns[w]]; -1 says that there is 0.
function pad(layer, x) {
  const [rows, columns] = layer.places, depth = x.shape[2];
  const y = new Float32Array(rows.length * columns.length * depth);
  rows.forEach((h, oy) => columns.forEach((w, ox) => {
    const from = (h * x.shape[1] + w) * depth;
    if (h >= 0 && w >= 0) y.set(x.values.subarray(from, from + depth), (oy * columns.length + ox) * depth);
  }));
  return y;
}

function same(layer, x) {
  return x.values;
}
