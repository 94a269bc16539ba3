"""The network that is trained, as it was between two steps: a copy, so that what takes long holds nothing
up."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.look import Probe
from kitnet.net import Net
from kitnet.studio.training import Training
from kitnet.train import Model
from kitnet.train.loop import Loop

STOPPED = "stopped"


class StoppableProbe(Probe):
    """One that computes no further batch when nobody waits any longer."""

    def __init__(self, of: Model, engine: str, stop: threading.Event) -> None:
        super().__init__(of, engine=engine)
        self._stop = stop

    def batch(self, x: Array, path: str | None = None) -> Array:
        if self._stop.is_set():
            raise KitnetError(STOPPED)
        return super().batch(x, path)


class Copied:
    """A probe of a copy of the network that is trained, which `probe` brings up to date."""

    def __init__(self, training: Training, stop: threading.Event) -> None:
        self._training, self._stop = training, stop
        self._of: Any = None  # the model that was copied
        self._probe: StoppableProbe | None = None

    def probe(self) -> StoppableProbe:
        """Not to be called by two threads at once. Raises KitnetError where no network is there yet."""
        probe = self._training.between_steps(self._copy)
        if not np.isfinite(probe.net.weights.flat).all():
            raise KitnetError(
                "the weights are no longer finite; go back to the checkpoint, with a lower learning rate"
            )
        return probe

    def _copy(self, loop: Loop) -> StoppableProbe:
        model = loop.run.model
        with loop.judged():
            if self._probe is None or self._of is not model:
                net = Net(model.net.graph).adopt(model.net.weights, model.net.state)
                copy = Model(net, model.loss, model.classes, model.preparation)
                self._of, self._probe = model, StoppableProbe(copy, loop.step_of.engine, self._stop)
            else:
                own = self._probe.net
                own.weights.flat[...] = model.net.weights.flat
                own.keep(model.net.state)
        return self._probe
