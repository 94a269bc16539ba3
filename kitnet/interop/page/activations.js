// y[i] = f(x[i]), each number by itself.
const ACTIVATIONS = {
  relu: (layer) => (x) => Math.min(Math.max(x, 0), layer.cap ?? Infinity),
  leakyrelu: (layer) => (x) => (x > 0 ? x : layer.slope * x),
  sigmoid: () => (x) => 1 / (1 + Math.exp(-x)),
  tanh: () => Math.tanh,
  lecuntanh: (layer) => (x) => layer.amplitude * Math.tanh(layer.slope * x),
  scale: (layer) => (x) => layer.factor * x + layer.shift,
};

function activation(layer, x) {
  return x.values.map(ACTIVATIONS[layer.word](layer));
}
