"""What training asks of data, wherever they lie: how many, these ones, every so many-th."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from kitnet.base.argument import whole
from kitnet.base.error import DataError
from kitnet.base.random import stream
from kitnet.base.spec import Array

Images = Array | Sequence[Array]  # uint8 (N,H,W,C), or N pictures (h,w,c) of sizes of their own; C 1 or 3
CHUNK = 256  # pictures at once, so that what lies between two steps stays small
MOST_DIGESTED = 1 << 30  # bytes of pictures; of larger sets each so many-th picture


class Source(ABC):
    """Labelled pictures, read when they are asked for. One of your own is a class with `__len__` and `read`,
    a `name` for messages and the names of its `classes`.

        class Noise(Source):
            name, classes = "noise", ("dark", "light")

            def __len__(self): return 1000

            def read(self, samples):
                labels = samples % 2
                images = np.empty((len(samples), 8, 8, 1), np.uint8)
                for image, number in zip(images, samples):
                    image[...] = np.random.default_rng(number).integers(0, 128, image.shape)
                return images + 128 * labels.astype(np.uint8)[:, None, None, None], labels
    """

    name: str
    classes: tuple[str, ...]
    warnings: tuple[str, ...] = ()  # what a person should know before training
    broken: tuple[str, ...] = ()  # the reasons why pictures were left out, each with its file
    empty: tuple[str, ...] = ()  # the folders of classes that are left out, since they have no picture

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self):,} samples in {len(self.classes):,} classes>"

    @abstractmethod
    def __len__(self) -> int:
        """How many pictures there are."""

    @abstractmethod
    def read(self, samples: Array) -> tuple[Images, Array]:
        """The pictures with these numbers (n,), in this order, and their classes, integers (n,). One array
        where all pictures of the source have one size, otherwise always single ones."""

    def shard(self, index: int, shards: int) -> Source:
        """Each `shards`-th picture from number `index` on: the shards 0 to shards - 1 share them out."""
        whole("shards", shards, 1)
        return self.subset(slice(whole("the number of a shard", index, 0, shards - 1), None, shards))

    def subset(self, samples: slice | Array) -> Source:
        """The pictures picked by a slice, an array of numbers or a mask (N,). Raises DataError for none."""
        return Selection(self, np.arange(len(self))[samples])

    def called(self, sample: int) -> str:
        """What a message calls a picture, by its number."""
        return f"image {sample}"

    def labels_of(self, samples: Array) -> Array:
        """The classes of the pictures with these numbers (n,), without the pictures where that is quicker."""
        parts = [self.read(samples[i : i + CHUNK])[1] for i in range(0, len(samples), CHUNK)]
        return np.concatenate(parts)

    def places(self) -> Array:
        """A number from 0 to 1 for each picture (N,): those below a share are held back to validate with.
        They are spread evenly over each class; the order is drawn once for ever, by number."""
        labels = self.labels_of(np.arange(len(self)))
        return spread(stream(0, "places").random(len(labels)), labels)

    def digest(self, samples: Array) -> bytes:
        """SHA-256 of the pictures with these numbers (n,), and their classes. Of more than 1 GiB of pictures,
        by the size of the first, each second one is read, of more than 2 each third one, and so on."""
        digest = hashlib.sha256()
        size = self.read(samples[:1])[0][0].nbytes * len(samples)
        samples = samples[:: max(1, -(-size // MOST_DIGESTED))]
        for start in range(0, len(samples), CHUNK):
            images, labels = self.read(samples[start : start + CHUNK])
            digest.update(np.asarray(labels, np.int64).tobytes())
            for image in images:
                digest.update(json.dumps(image.shape).encode())
                digest.update(np.ascontiguousarray(image).data)
        return digest.digest()

    def chunks(self) -> Iterator[tuple[Images, Array]]:
        """All pictures in order, `CHUNK` at once."""
        for start in range(0, len(self), CHUNK):
            yield self.read(np.arange(start, min(start + CHUNK, len(self))))


class Selection(Source):
    """Some pictures of another source, by their numbers there."""

    def __init__(self, source: Source, numbers: Array) -> None:
        if not len(numbers):
            raise DataError(f"{source.name}: no picture is left; expected at least one")
        self.name, self.classes = source.name, source.classes
        self.source, self.numbers = source, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, samples: Array) -> tuple[Images, Array]:
        return self.source.read(self.numbers[samples])

    def called(self, sample: int) -> str:
        return self.source.called(int(self.numbers[sample]))

    def labels_of(self, samples: Array) -> Array:
        return self.source.labels_of(self.numbers[samples])

    def digest(self, samples: Array) -> bytes:
        return self.source.digest(self.numbers[samples])


def spread(order: Array, labels: Array) -> Array:
    """Numbers from 0 to 1 (N,), evenly over each class, that rise with `order` (N,): below a share lie as
    many of each class, rounded to a whole number."""
    by_class = np.lexsort((order, labels))
    counts = np.bincount(labels)
    ranks = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = np.empty(len(labels))
    places[by_class] = (ranks + 0.5) / np.repeat(counts, counts)
    return places
