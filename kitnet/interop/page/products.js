// y[p, k] = b[k] + sum over j of rows[p, j] * filters[k, j], what convolutions and linear layers have in common.
//
// `rows` holds n rows of `length` numbers, `filters` the filters `from` to `to`, each as long. y[p, k] lies at
// at + p * depth + k. Sums are float64. Two rows meet four filters at once, so that each number that is read
// takes part in several products.
function products(rows, n, filters, from, to, length, bias, y, at, depth) {
  let k = from;
  for (; k + 4 <= to; k += 4) {
    const a = k * length, b = a + length, c = b + length, d = c + length;
    let p = 0;
    for (; p + 2 <= n; p += 2) {
      const u = p * length, v = u + length;
      let s0 = bias[k], s1 = bias[k + 1], s2 = bias[k + 2], s3 = bias[k + 3];
      let t0 = s0, t1 = s1, t2 = s2, t3 = s3;
      for (let j = 0; j < length; j++) {
        const x0 = rows[u + j], x1 = rows[v + j];
        const w0 = filters[a + j], w1 = filters[b + j], w2 = filters[c + j], w3 = filters[d + j];
        s0 += x0 * w0; s1 += x0 * w1; s2 += x0 * w2; s3 += x0 * w3;
        t0 += x1 * w0; t1 += x1 * w1; t2 += x1 * w2; t3 += x1 * w3;
      }
      const i = at + p * depth + k;
      y[i] = s0; y[i + 1] = s1; y[i + 2] = s2; y[i + 3] = s3;
      y[i + depth] = t0; y[i + depth + 1] = t1; y[i + depth + 2] = t2; y[i + depth + 3] = t3;
    }
    if (p < n) oneByOne(rows, p, n, filters, k, k + 4, length, bias, y, at, depth);
  }
  oneByOne(rows, 0, n, filters, k, to, length, bias, y, at, depth);
}

// The same, one number after the other, from row `first` on.
function oneByOne(rows, first, n, filters, from, to, length, bias, y, at, depth) {
  for (let p = first; p < n; p++) {
    for (let k = from; k < to; k++) {
      let sum = bias[k];
      for (let j = 0; j < length; j++) sum += rows[p * length + j] * filters[k * length + j];
      y[at + p * depth + k] = sum;
    }
  }
}
