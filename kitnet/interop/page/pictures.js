// A file as a picture: turned as it says (EXIF), what is transparent on white, colours as they are stored.
const MOST_PIXELS = 40e6;

async function pictureOf(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  } catch {
    throw new Error(text("unreadable", { file: file.name }));
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    throw new Error(text("too_large", { file: file.name, size: `${width}×${height}` }));
  }
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  return pictureOnCanvas(context, 3);
}

// What a canvas shows: the red alone, or all three colours.
function pictureOnCanvas(context, depth) {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(width * height * depth);
  for (let i = 0; i < pixels.length; i++) pixels[i] = data[4 * Math.floor(i / depth) + (i % depth)];
  return { height, width, depth, pixels };
}

function inverted(picture) {
  return { ...picture, pixels: picture.pixels.map((pixel) => 255 - pixel) };
}
