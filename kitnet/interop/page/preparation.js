// How a picture becomes the network's input, by the steps and the very integers of Python and Pillow. A picture is
// {height, width, depth, pixels}, bytes row by row, a grey value or red, green and blue.

function prepared(preparation, picture) {
  const [height, width, depth] = preparation.input;
  if (picture.depth > depth) picture = grey(picture);
  picture = centred(resized(picture, ...preparation.resize), height, width);
  // (pixel / 255 - mean) / std, rounded to float32 once
  const { mean, std } = preparation, x = new Float32Array(height * width * depth);
  for (let i = 0; i < x.length; i++) {
    const place = Math.floor(i / depth), c = i % depth;
    const pixel = picture.pixels[place * picture.depth + (c % picture.depth)];
    x[i] = (pixel / 255 - mean[c]) / std[c];
  }
  return x;
}

// ITU-R 601 luma, 0.299 R + 0.587 G + 0.114 B in units of 1/65536.
function grey({ height, width, pixels }) {
  const luma = new Uint8Array(height * width);
  for (let i = 0; i < luma.length; i++) {
    luma[i] = (pixels[3 * i] * 19595 + pixels[3 * i + 1] * 38470 + pixels[3 * i + 2] * 7471 + 0x8000) >> 16;
  }
  return { height, width, depth: 1, pixels: luma };
}

// Bilinear, with a triangle that is as wide as the picture shrinks: first all rows, then all columns, rounded to
// bytes in between.
function resized(picture, height, width) {
  const { depth } = picture;
  if (width !== picture.width) {
    const pixels = along(picture.pixels, picture.height, picture.width, width, depth);
    picture = { height: picture.height, width, depth, pixels };
  }
  if (height !== picture.height) {
    const pixels = along(picture.pixels, 1, picture.height, height, picture.width * depth);
    picture = { height, width, depth, pixels };
  }
  return picture;
}

const BITS = 22; // behind the point of Pillow's coefficients

// Pixels (outer, size, inner) to (outer, output, inner).
function along(pixels, outer, size, output, inner) {
  const shares = triangles(size, output), found = new Uint8Array(outer * output * inner);
  for (let n = 0; n < outer; n++) {
    for (let o = 0; o < output; o++) {
      const { from, coefficients } = shares[o];
      for (let i = 0; i < inner; i++) {
        let sum = 1 << (BITS - 1);
        let place = (n * size + from) * inner + i;
        for (let t = 0; t < coefficients.length; t++, place += inner) sum += pixels[place] * coefficients[t];
        found[(n * output + o) * inner + i] = Math.min(Math.max(sum >> BITS, 0), 255);
      }
    }
  }
  return found;
}

// For each place of the output the places that it is made of, and their shares, which add up to 2^22.
function triangles(size, output) {
  const scale = size / output, support = Math.max(scale, 1);
  return Array.from({ length: output }, (_, o) => {
    const centre = (o + 0.5) * scale;
    const from = Math.max(Math.trunc(centre - support + 0.5), 0);
    const to = Math.min(Math.trunc(centre + support + 0.5), size);
    const shares = [];
    for (let i = from; i < to; i++) shares.push(Math.max(1 - Math.abs((i - centre + 0.5) * (1 / support)), 0));
    const sum = shares.reduce((a, b) => a + b, 0);
    const coefficients = shares.map((share) => Math.trunc((sum ? share / sum : share) * (1 << BITS) + 0.5));
    return { from, coefficients };
  });
}

// Padded with 0, or cropped, around the centre; an odd row or column is at the end.
function centred(picture, height, width) {
  const { depth } = picture, pixels = new Uint8Array(height * width * depth);
  const [rows, fromRow, toRow] = overlap(picture.height, height);
  const [columns, fromColumn, toColumn] = overlap(picture.width, width);
  for (let row = 0; row < rows; row++) {
    const from = ((fromRow + row) * picture.width + fromColumn) * depth;
    const line = picture.pixels.subarray(from, from + columns * depth);
    pixels.set(line, ((toRow + row) * width + toColumn) * depth);
  }
  return { height, width, depth, pixels };
}

// How many places an axis of `old` and a centred one of `now` share, and where these begin in both.
function overlap(old, now) {
  const both = Math.min(old, now);
  return [both, (old - both) >> 1, (now - both) >> 1];
}
