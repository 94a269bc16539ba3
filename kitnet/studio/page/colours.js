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

function between(stops, share) {
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  return stops[low].map((value, i) => Math.round(value + (at - low) * (stops[low + 1][i] - value)));
}
