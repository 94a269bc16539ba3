// The forward pass: every layer in order. A value is {shape, values}; volumes are height x width x maps, row by
// row, maps innermost.
const LAYERS = {
  conv: convolution, fc: linear, rbf: radialBasis,
  maxpool: maxPool, meanpool: meanPool, subsample: subsampling,
  batchnorm: batchNorm, bias: addBias, add, padchannels: padChannels, pad,
  flatten: same, dropout: same, softmax: softmaxLayer,
  ...Object.fromEntries(Object.keys(ACTIVATIONS).map((word) => [word, activation])),
};

// The description with views of the weights in the place of where they lie, and axes by name.
function networkOf(description, weights) {
  const layers = description.layers.map((layer) => {
    const arrays = Object.entries(layer.arrays ?? {}).map(([name, [from, to]]) => [name, weights.subarray(from, to)]);
    const axes = (layer.axes ?? []).map(([size, window, stride, dilation, before, output]) => (
      { size, window, stride, dilation, before, output }));
    return { ...layer, axes, ...Object.fromEntries(arrays) };
  });
  return { ...description, layers };
}

// Every value for the prepared numbers of one image; the first is the image itself.
function forward(network, input) {
  const values = [{ shape: network.preparation.input, values: input }];
  for (const layer of network.layers) {
    const x = layer.inputs.map((i) => values[i]);
    values.push({ shape: layer.shape, values: LAYERS[layer.word](layer, ...x) });
  }
  return values;
}
