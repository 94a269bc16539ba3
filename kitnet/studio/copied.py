"""The network that is trained, as it was between two steps: a copy, so that what is computed of it holds
nothing up."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.look import Probe
from kitnet.net import Net
from kitnet.studio.training import Training
from kitnet.train import Model
from kitnet.train.loop import Loop

P = TypeVar("P", bound=Probe)


class _Taken(NamedTuple):
    """What trains, and copies of what it has learned."""

    model: Model
    engine: str
    weights: Array
    state: dict[str, dict[str, Array]]
    done: int  # steps


class Copied(Generic[P]):
    """A probe of a copy, made by `probe_of` of the copied model and its engine; its plans are made once for a
    model. Whoever computes with it holds the `lock`."""

    def __init__(self, training: Training, probe_of: Callable[[Model, str], P]) -> None:
        self._training, self._probe_of = training, probe_of
        self._made: tuple[Model, P] | None = None
        self.lock = threading.RLock()

    def take(self) -> tuple[P, Model, int]:
        """The probe with the weights of now, the model that trains, and the steps that it has done. Raises
        KitnetError where no network is there yet, and for weights that are not finite."""
        taken = self._training.between_steps(_taken)
        if not np.isfinite(taken.weights).all():
            raise KitnetError(
                "the weights are no longer finite; go back to the checkpoint, with a lower learning rate"
            )
        with self.lock:
            if self._made is None or self._made[0] is not taken.model:
                own = copy.copy(taken.model)
                own.net = Net(taken.model.net.graph)
                own.net.body = taken.model.net.body
                self._made = taken.model, self._probe_of(own, taken.engine)
            probe = self._made[1]
            probe.net.weights.flat[...] = taken.weights
            probe.net.state = taken.state
        return probe, taken.model, taken.done


def _taken(loop: Loop) -> _Taken:
    net = loop.run.model.net
    with loop.judged():
        weights = net.weights.flat.copy()
    state = {path: {name: array.copy() for name, array in held.items()} for path, held in net.state.items()}
    return _Taken(loop.run.model, loop.step_of.engine, weights, state, loop.run.steps_done(loop.progress))
