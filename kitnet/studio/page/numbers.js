// Numbers as people read them; the same in both languages.

export function short(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(digits - 1).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

export function whole(value) {
  return Math.round(value).toLocaleString("en-US");
}

export function percent(share, digits = 1) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)}%`;
}

export function volume(shape) {
  return shape.join("×");
}

// 0.00025 -> 250 µs
export function moment(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const [factor, unit] = seconds < 1e-3 ? [1e6, "µs"] : seconds < 1 ? [1e3, "ms"] : [1, "s"];
  return `${short(seconds * factor, 2)} ${unit}`;
}

// 75 -> 1:15, 3675 -> 1:01:15
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const all = Math.round(seconds);
  const parts = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, i) => (i ? String(part).padStart(2, "0") : String(part))).join(":");
}
