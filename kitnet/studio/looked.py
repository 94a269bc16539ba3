"""The networks that rooms look into: the one that trains, as it is between two steps, or any other one; and
the pictures that go through them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.look import Probe
from kitnet.net import Net
from kitnet.studio.asking.picture import read
from kitnet.studio.copied import Copied
from kitnet.studio.design import network
from kitnet.studio.training import Training
from kitnet.train import Model
from kitnet.train.loop import Loop
from kitnet.train.saved import saved_model
from kitnet.train.target import INPUT

MOST = 2  # other networks that are kept ready
TRAINING = ""  # the name of the network that trains


@dataclass(frozen=True)
class Looked:
    """A network made ready to be looked into. Whoever looks holds the lock."""

    name: str  # "" is the one that trains
    probe: Probe
    prepared_by: Model | None  # which trains, and so has prepared the samples
    done: int | None = None  # steps of its training
    lock: threading.RLock = field(default_factory=threading.RLock)


def read_network(name: str) -> Model | Net:
    """The model of a run or a file, or the network of a name or a line with the weights of seed 0. Raises
    KitnetError."""
    file = saved_model(name)
    if file is not None:
        return Model.load(file)
    return network(name)


class Networks:
    """One `Probe` for each network, so that its plans are made once."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._lock = threading.RLock()
        self._trained = Copied(training, lambda own, engine: Probe(own, engine=engine))
        self._others: dict[tuple[str, float], Looked] = {}

    def find(self, name: str) -> Looked:
        """The network that trains, "", with its weights of now, or that of a run, a model file, a name or a
        line. Raises KitnetError."""
        with self._lock:
            return self._of_training() if name == TRAINING else self._other(name)

    def _of_training(self) -> Looked:
        probe, model, done = self._trained.take()
        return Looked(TRAINING, probe, model, done, self._trained.lock)

    def _other(self, name: str) -> Looked:
        file = saved_model(name)
        key = name, 0.0 if file is None else file.stat().st_mtime
        found = self._others.pop(key, None)
        if found is None:
            of = read_network(name)
            if isinstance(of, Model) and of.target == INPUT:
                raise KitnetError(
                    "this model gives its input; networks that tell classes can be looked into here"
                )
            found = Looked(name, Probe(of), None)
        self._others[key] = found  # the last one used stands last
        while len(self._others) > MOST:
            del self._others[next(iter(self._others))]
        return found

    def samples(self) -> tuple[str, int]:
        """The part that samples are of, and how many it has; none where no data are there."""
        loop = self._training.loop
        if loop is None:
            return "test", 0
        part, source = _part(loop)
        return part, len(source)

    def sample(self, looked: Looked, number: int) -> tuple[Array, int]:
        """A sample of the training's test part as the network reads it, and its class. Raises KitnetError."""
        _, count = self.samples()
        if type(number) is not int or not 0 <= number < count:
            raise KitnetError(
                f"sample {number!r} is not there; use a number from 0 to {count - 1}"
                if count
                else "there are no data to take a sample of yet; open a file, or draw"
            )
        loop = self._training.loop
        assert loop is not None
        images, labels = _part(loop)[1].read(np.array([number]))
        if looked.prepared_by is not None:
            return looked.prepared_by.preparation.prepare(images)[0], int(labels[0])
        return looked.probe.prepared(np.asarray(images[0])), int(labels[0])


def picture(looked: Looked, file: str, invert: bool) -> Array:
    """The picture in a file, whose bytes are given in base64, as the network reads it. Raises
    KitnetError."""
    pixels = read(file)
    return looked.probe.prepared(255 - pixels if invert else pixels)


def _part(loop: Loop) -> tuple[str, Any]:
    found = loop.run.parts.named()
    part = next(name for name in ("test", "validation", "train") if name in found)
    return part, found[part]
