// y[o, c] = reduce over the window at o of x[., c], map by map; places in padding are not seen.

// The largest value of each window.
function maxPool(layer, x) {
  return pooled(layer, x, -Infinity, (best, value) => (value > best ? value : best), (best) => best);
}

// The mean of each window; where padding counts, a window has all its taps.
function meanPool(layer, x) {
  const all = layer.axes[0].window * layer.axes[1].window;
  return pooled(layer, x, 0, (sum, value) => sum + value, (sum, c, count) => sum / (layer.count_pad ? all : count));
}

// y[o, c] = a[c] * (sum of x over the window at o) + b[c]: LeNet's trainable subsampling.
function subsampling(layer, x) {
  const { coefficient: a, bias: b } = layer;
  return pooled(layer, x, 0, (sum, value) => sum + value, (sum, c) => a[c] * sum + b[c]);
}

function pooled(layer, x, first, add, end) {
  const depth = x.shape[2], y = new Float32Array(layer.shape[0] * layer.shape[1] * depth);
  eachWindow(layer.axes, (position, places, count) => {
    for (let c = 0; c < depth; c++) {
      let found = first;
      for (let i = 0; i < count; i++) found = add(found, x.values[places[i] * depth + c]);
      y[position * depth + c] = end(found, c, count);
    }
  });
  return y;
}
