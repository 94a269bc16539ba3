// The way back of a convolution from one of its maps to one channel of its input, number by number:
// dx[i,j] = sum of dy[p,q] w[r,s] over all p,q,r,s with i = stride p + dilation r - before, and so for j.

// `told` has dy and the filter, both as rows, the shape of dx, and stride, before and dilation by axis.
export function backOf({ dy, filter, shape, stride, before, dilation }) {
  const [high, wide] = [filter.length, filter[0].length];
  const places = grid(shape[0], shape[1]);
  const positions = grid(dy.length, dy[0].length);
  let kept = null; // the last sum of `until`

  // The position that tap `t` of an axis has to be at to see place `i`; null where there is none.
  function met(axis, i, tap, count) {
    const p = (i + before[axis] - dilation[axis] * tap) / stride[axis];
    return Number.isInteger(p) && p >= 0 && p < count ? p : null;
  }

  const numberAt = ([i, j]) => {
    let sum = 0;
    for (let r = 0; r < high; r++) {
      const p = met(0, i, r, dy.length);
      for (let s = 0; p !== null && s < wide; s++) {
        const q = met(1, j, s, dy[0].length);
        if (q !== null) sum += dy[p][q] * filter[r][s];
      }
    }
    return sum;
  };
  const dx = grid(shape[0], 1).map(([i]) => grid(shape[1], 1).map(([j]) => numberAt([i, j])));
  const turned = [...filter].reverse().map((row) => [...row].reverse());

  // Where the window of a position lies on dx, tap by tap; null outside.
  function seen([p, q]) {
    return filter.map((row, r) =>
      row.map((_, s) => {
        const i = stride[0] * p + dilation[0] * r - before[0];
        const j = stride[1] * q + dilation[1] * s - before[1];
        return i >= 0 && i < shape[0] && j >= 0 && j < shape[1] ? [i, j] : null;
      }),
    );
  }

  return {
    dy,
    dx,
    filter,
    places,
    positions,
    // The place of this number, dy around it as it lies under the turned filter, and what comes of it.
    gathered(at) {
      const [i, j] = places[at];
      const window = turned.map((row, r) =>
        row.map((_, s) => {
          const p = met(0, i, high - 1 - r, dy.length);
          const q = met(1, j, wide - 1 - s, dy[0].length);
          return p === null || q === null ? { at: null, value: 0 } : { at: [p, q], value: dy[p][q] };
        }),
      );
      const sum = window.flat().reduce((all, one, n) => all + one.value * turned.flat()[n], 0);
      return { place: places[at], window, filter, turned, sum };
    },
    // dx as far as it is gathered.
    after: (at) => dx.map((row, i) => row.map((value, j) => (i * shape[1] + j <= at ? value : null))),
    // This number of dy, where and what it adds, and what dx is there then; how many of the places had something.
    scattered(at) {
      const [p, q] = positions[at];
      const found = seen([p, q]);
      const [earlier, sums] = [this.until(at - 1), this.until(at)];
      const there = (field) => found.map((row) => row.map((place) => place && field[place[0]][place[1]]));
      return {
        position: [p, q],
        value: dy[p][q],
        places: found,
        patch: found.map((row, r) => row.map((place, s) => place && dy[p][q] * filter[r][s])),
        sums: there(sums),
        overlaps: there(earlier).flat().filter((value) => value !== null).length,
      };
    },
    // dx after so many numbers of dy have been added; null where nothing was. The last one is kept.
    until(at) {
      const begin = kept && kept.at <= at ? kept : { at: -1, field: Array.from({ length: shape[0] }, () => Array(shape[1]).fill(null)) };
      const field = begin.field.map((row) => [...row]);
      for (let n = begin.at + 1; n <= at; n++) {
        const [p, q] = positions[n];
        seen([p, q]).forEach((row, r) => row.forEach((place, s) => {
          if (place) field[place[0]][place[1]] = (field[place[0]][place[1]] ?? 0) + dy[p][q] * filter[r][s];
        }));
      }
      kept = { at, field };
      return field;
    },
  };
}

function grid(rows, columns) {
  return Array.from({ length: rows * columns }, (_, i) => [Math.floor(i / columns), i % columns]);
}
