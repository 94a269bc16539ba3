"""What a further `fit` of a model goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kitnet.base.spec import Array
from kitnet.train.checkpoint import Progress
from kitnet.train.run import Run
from kitnet.train.settings import Settings

# What a training begins anew with where one of them is another: of steps and of the update rule.
ANEW = (
    *("batch", "accumulate", "optimizer", "schedule", "lr", "momentum", "decay", "average", "groups"),
    "freeze",
)


@dataclass(frozen=True)
class Trained:
    """A training that has ended or was stopped: its settings, the samples that it learned from, the epochs
    that are done, the loss of its first step and the memory of its rule."""

    settings: Settings
    samples: int
    epochs: int
    first_loss: float
    memory: Mapping[str, Array]

    @classmethod
    def of(cls, run: Run, progress: Progress) -> Trained:
        memory = {name: held.flat.copy() for name, held in run.memory.items()}
        return cls(run.settings, len(run.parts.train), progress.epoch, progress.first_loss, memory)

    def is_gone_on_with(self, settings: Settings, samples: int) -> bool:
        """Whether complete settings and so many samples leave its steps and its rule as they were."""
        same = all(getattr(settings, name) == getattr(self.settings, name) for name in ANEW)
        return same and samples == self.samples

    def longer(self, settings: Settings) -> Settings:
        """The settings with its epochs before their own, so that a schedule lasts as long as both."""
        return replace(settings, epochs=self.epochs + (settings.epochs or 0))

    def go_on(self, run: Run) -> Progress:
        """Give the run the memory of its rule, and where it begins."""
        for name, held in run.memory.items():
            held.flat[...] = self.memory[name]
        return Progress(epoch=self.epochs, first_loss=self.first_loss)
