"""Counter-based random streams: what is drawn depends on a key and a position, never on what was drawn
before.

A stream is keyed by (seed, path, purpose), so that adding a layer does not change the draws of another;
sample `i` of step `t` has its own place in it, so that a batch and its shards draw the same bits. The
generator is Philox 4x64 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), which NumPy
provides.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, name: str, step: int = 0) -> np.random.Generator:
    """A generator of its own for each (seed, name, step), such as `stream(0, "conv1.weight")`."""
    return np.random.Generator(np.random.Philox(key=key(seed, name), counter=[0, 0, 0, step]))


def sample_bits(
    seed: int, name: str, step: int, first_sample: int, samples: int, each: int
) -> NDArray[np.uint64]:
    """64 random bits for each of `each` places of samples first_sample .. first_sample + samples - 1.

    Returns (samples, each). The bits of a sample do not depend on the samples that are drawn with it.
    """
    blocks = -(-each // 4)  # Philox makes 4 words a counter
    generator = np.random.Philox(key=key(seed, name), counter=[first_sample * blocks, 0, 0, step])
    words = np.asarray(generator.random_raw(samples * blocks * 4), dtype=np.uint64)
    return words.reshape(samples, blocks * 4)[:, :each]


def key(seed: int, name: str) -> NDArray[np.uint64]:
    """The generator's key of a stream, two words."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64)
