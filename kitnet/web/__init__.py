"""Floor 1: what the studio and the server share of HTTP, an application behind a socket of this machine."""
