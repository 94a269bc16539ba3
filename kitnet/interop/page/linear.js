// y[k] = b[k] + sum over j of x[j] * w[k, j], x taken as one long row.
function linear(layer, x) {
  const y = new Float32Array(layer.shape[0]);
  products(x.values, 1, layer.weight, 0, y.length, x.values.length, layer.bias, y, 0, y.length);
  return y;
}

// y[i] = sum over j of (x[j] - w[i, j])^2: the Euclidean radial basis units of LeNet-5.
function radialBasis(layer, x) {
  const y = new Float32Array(layer.shape[0]), inputs = x.values.length;
  for (let i = 0; i < y.length; i++) {
    let sum = 0;
    for (let j = 0; j < inputs; j++) sum += (x.values[j] - layer.weight[i * inputs + j]) ** 2;
    y[i] = sum;
  }
  return y;
}
