// Where a number of an array stands on its planes. The first two axes are rows and columns, the others count
// planes, the last one fastest; a vector goes on in the next row. kitnet/studio/columns.py says the same.

// The index of a place, or null where a vector has ended.
export function indexOf(shape, width, { plane, row, column }) {
  if (shape.length < 2) {
    const i = row * width + column;
    return i < (shape[0] ?? 1) ? (shape.length ? [i] : []) : null;
  }
  const rest = [];
  let left = plane;
  for (const size of shape.slice(2).reverse()) {
    rest.unshift(left % size);
    left = Math.floor(left / size);
  }
  return [row, column, ...rest];
}

export function placeOf(shape, width, index) {
  if (shape.length < 2) {
    const i = index[0] ?? 0;
    return { plane: 0, row: Math.floor(i / width), column: i % width };
  }
  const plane = shape.slice(2).reduce((sum, size, i) => sum * size + index[2 + i], 0);
  return { plane, row: index[0], column: index[1] };
}

// How a number is called: conv1[3,4,2], or d conv1[3,4,2] for a gradient.
export function nameOf({ path, index, backward }) {
  return `${backward ? "d " : ""}${path}${index.length ? `[${index.join(",")}]` : ""}`;
}
