"""Whether data are the same as before."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from kitnet.data import Source
from kitnet.data.source import CHUNK

MOST = 1 << 30  # bytes of the pictures of a data set that are read; of larger ones each so many-th picture


def digest_of(*sources: Source) -> str:
    """SHA-256 of pictures, labels and classes, wherever they lie. Of more than 1 GiB of pictures, by the size
    of the first, each second one is read, of more than 2 each third one, and so on."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(json.dumps([len(source), source.classes]).encode())
        size = source.read(np.arange(1))[0][0].nbytes * len(source)
        numbers = np.arange(0, len(source), max(1, -(-size // MOST)))
        for start in range(0, len(numbers), CHUNK):
            images, labels = source.read(numbers[start : start + CHUNK])
            digest.update(np.asarray(labels, np.int64).tobytes())
            for image in images:
                digest.update(json.dumps(image.shape).encode())
                digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
