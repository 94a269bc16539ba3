// Arrays as small pictures: strips of maps, and histograms.

import { around, viridis } from "./colours.js";
import { svg } from "./elements.js";

const GAP = 2;
const HEIGHT = 40; // of a histogram's coordinates

// Draw maps side by side into a canvas, one pixel a number; `centred` maps 0 to white.
export function drawStrip(canvas, strip, centred) {
  if (!strip || !strip.count) {
    canvas.hidden = true;
    return;
  }
  const { count, height, width, least, largest } = strip;
  const bytes = Uint8Array.from(atob(strip.pixels), (letter) => letter.charCodeAt(0));
  const colours = palette(least, largest, centred);
  canvas.hidden = false;
  canvas.width = count * (width + GAP) - GAP;
  canvas.height = height;
  const image = new ImageData(canvas.width, height);
  for (let map = 0; map < count; map++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const to = 4 * (y * canvas.width + map * (width + GAP) + x);
        image.data.set(colours[bytes[(map * height + y) * width + x]], to);
      }
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  const enlarged = Math.max(1, Math.floor((height < 12 ? 32 : 44) / height));
  canvas.style.width = `${canvas.width * enlarged}px`;
  canvas.style.height = `${height * enlarged}px`;
}

// The colour of each of 256 steps from the least to the largest number.
function palette(least, largest, centred) {
  const reach = Math.max(Math.abs(least), Math.abs(largest)) || 1;
  return Array.from({ length: 256 }, (_, i) => {
    const value = least + (i / 255) * (largest - least);
    return [...(centred ? around((value / reach + 1) / 2) : viridis(i / 255)), 255];
  });
}

// The outline of a histogram's bins.
export function histogram(label) {
  const path = svg("path", {});
  const picture = svg(
    "svg",
    { class: "bins", viewBox: `0 0 96 ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    path,
  );
  return {
    picture,
    draw(bins) {
      const most = Math.max(...bins, 1);
      const each = 96 / bins.length;
      const bars = bins.map((count, i) => {
        const high = (count / most) * (HEIGHT - 2);
        return `M${i * each},${HEIGHT}v${-high}h${each * 0.86}v${high}z`;
      });
      path.setAttribute("d", bars.join(""));
    },
  };
}
