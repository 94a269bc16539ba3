// An answer that takes long: asked for again until it is there.

const AGAIN = 300; // milliseconds

// `tell` hears how much is done, of how much; `goes` says whether the answer is still wanted. Gives null where
// it is not.
export async function answered(client, route, body, tell, goes) {
  while (goes()) {
    const told = await client.ask(route, body);
    if (!("done" in told)) return goes() ? told : null;
    tell(told);
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
  return null;
}
