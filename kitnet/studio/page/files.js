// A picture file of the person, as the studio is told it.

export const LARGEST = 6e6; // bytes of a file, so that what is sent has at most 8 MiB

// Its bytes in base64; "" where none is chosen.
export function base64(file) {
  if (!file) return Promise.resolve("");
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
}
