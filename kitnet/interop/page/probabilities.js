// What scores say of each class, by the loss that they were trained with.

// p_i = e^z_i / sum_j e^z_j
function softmax(z) {
  const top = Math.max(...z);
  const powers = Array.from(z, (value) => Math.exp(value - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

const PROBABILITIES = {
  softmax: (z) => softmax(z),
  sigmoid: (z) => Array.from(z, (value) => 1 / (1 + Math.exp(-value))),
  // a least squares fit of 0 and 1: what lies outside is cut off
  shares: (z) => {
    const inside = Array.from(z, (value) => Math.min(Math.max(value, 1.17549435e-38), 1));
    const sum = inside.reduce((a, b) => a + b, 0);
    return inside.map((value) => value / sum);
  },
  // distances, of which the smallest wins, beside a rubbish class with the penalty j (LeCun et al. 1998, eq. 9)
  distances: (z, j) => softmax([...Array.from(z, (value) => -value), -j]).slice(0, -1),
};

// The layer: softmax over the depth at each position.
function softmaxLayer(layer, x) {
  const depth = x.shape.at(-1), y = new Float32Array(x.values.length);
  for (let i = 0; i < y.length; i += depth) y.set(softmax(x.values.subarray(i, i + depth)), i);
  return y;
}
