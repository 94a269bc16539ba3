// A picture file of the person, as the studio is told it.

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
