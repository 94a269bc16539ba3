"""What a run without a folder keeps: the weights and the state of its best epoch."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from kitnet.base.spec import Array
from kitnet.net import Net
from kitnet.net.reference import State
from kitnet.train.checkpoint import Progress, Training
from kitnet.train.events import EpochEnded
from kitnet.train.model import Model
from kitnet.train.saves import is_best


class InMemory:
    """Stands in the place of `Saves`, and writes nothing."""

    path: Path | None = None
    warning = ""

    def __init__(self) -> None:
        self.lock: AbstractContextManager[object] = nullcontext()
        self.newest: Path | None = None
        self._best: tuple[Array, State] | None = None

    def save(self, training: Training, progress: Progress) -> None:
        """Nothing: a run that ends here cannot be resumed."""

    def save_model(self, model: Model, images: Array, rows: list[EpochEnded]) -> None:
        """Keep weights and state where the last epoch is the best one, or none has ended yet."""
        if is_best(rows):
            state = {
                path: {name: a.copy() for name, a in held.items()} for path, held in model.net.state.items()
            }
            self._best = model.net.weights.flat.copy(), state

    def restore_best(self, net: Net) -> None:
        """Put what was kept into the network, if anything was."""
        if self._best is not None:
            net.weights.flat[...] = self._best[0]
            net.keep(self._best[1])

    def write_rows(self, rows: list[EpochEnded]) -> None:
        """Nothing."""

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Nothing."""

    def clear(self) -> None:
        """Nothing."""

    def kept(self, rows: list[EpochEnded]) -> str:
        """What is left where the loss is lost after these epochs."""
        return "the model has the weights of the best epoch, or without one those before this step"
