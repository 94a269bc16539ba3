// Colours that people tell apart whatever colours they see: those of Okabe & Ito for lines, viridis for values,
// blue over white to orange for values around 0.

const VIRIDIS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
];
const AROUND = [[0, 90, 150], [86, 180, 233], [245, 245, 245], [230, 159, 0], [170, 70, 0]];

// The custom property of the style sheet.
export function theme(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Share 0 to 1 -> [r, g, b].
export const viridis = (share) => between(VIRIDIS, share);
export const around = (share) => between(AROUND, share);

export const grey = (share) => Array(3).fill(Math.round(255 * Math.min(1, Math.max(0, share))));

// A function from a number to its colour: grey of pixels, blue over white to orange where 0 is the middle,
// viridis of other values.
export function coloured(least, largest, kind) {
  const reach = Math.max(Math.abs(least), Math.abs(largest)) || 1;
  if (kind === "around") return (value) => around((value / reach + 1) / 2);
  const scale = kind === "grey" ? grey : viridis;
  return (value) => scale(largest > least ? (value - least) / (largest - least) : 0.5);
}

// The colour of a text that can be read on this one.
export const inkOn = ([r, g, b]) => (0.3 * r + 0.59 * g + 0.11 * b > 140 ? "#111" : "#fff");

function between(stops, share) {
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  return stops[low].map((value, i) => Math.round(value + (at - low) * (stops[low + 1][i] - value)));
}
