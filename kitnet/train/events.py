"""What training tells while it runs. `train` yields these; whoever listens draws bars, pages or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kitnet.train.judgement import Judgement


@dataclass(frozen=True)
class Warned:
    """Something that training goes on from, and that the user shall know: one line."""

    text: str


@dataclass(frozen=True)
class Started:
    """Training begins, or goes on, at step `first_step` (from 0) of `epoch` (from 1)."""

    folder: Path | None  # None where nothing is saved
    line: str
    data: str
    samples: int
    validation_samples: int  # 0 where there is no such part
    test_samples: int  # as well
    epoch: int
    epochs: int
    first_step: int
    steps: int  # of one epoch


@dataclass(frozen=True)
class Ready:
    """All is ready; the first step follows. `memory` bytes are needed besides the data, where it is known."""

    memory: int | None = None


@dataclass(frozen=True)
class Foretold:
    """What an epoch takes, measured on some steps of the first one, and all that are left."""

    epoch_seconds: float
    seconds: float


@dataclass(frozen=True)
class Stepped:
    """One step is done; loss and accuracy are the means of the epoch so far. Without classes there is no
    accuracy."""

    epoch: int
    step: int  # done in this epoch
    loss: float
    accuracy: float | None
    images_per_second: float
    samples: int  # seen in this epoch


@dataclass(frozen=True)
class Learned:
    """A rule without gradients has done `done` of `all` of what it works on."""

    what: str
    done: int
    all: int


@dataclass(frozen=True)
class Abandoned:
    """A rule without gradients was stopped before it had a network; nothing is left of the run."""

    model: str


@dataclass(frozen=True)
class EpochEnded:
    """A row of results.csv; without a validation part the two numbers of it are None, without classes the
    accuracies. `parts` has what each output loses where several are judged, such as `val_loss.code`."""

    epoch: int
    train_loss: float
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    seconds: float
    images_per_second: float
    parts: dict[str, float] = field(default_factory=dict)

    def numbers(self) -> dict[str, float | None]:
        """By the columns of results.csv, of which a run without classes has no accuracy."""
        found: dict[str, float | None] = {}
        for name, value in vars(self).items():
            if (name.endswith("_accuracy") and self.train_accuracy is None) or name == "parts":
                continue
            found[name] = value
            if name.endswith("_loss"):
                found |= {part: lost for part, lost in self.parts.items() if part.startswith(f"{name}.")}
        return found


@dataclass(frozen=True)
class Stopped:
    """Training was asked to stop and everything is saved after `step` steps of `epoch`."""

    folder: Path | None
    epoch: int
    step: int


@dataclass(frozen=True)
class Finished:
    """All epochs are done; `summary` is summary.json, `judgement` what the best model says of each picture of
    the test part, where it was asked for each."""

    folder: Path | None
    summary: dict[str, Any]
    judgement: Judgement | None = field(default=None, repr=False)


Event = Warned | Started | Ready | Foretold | Stepped | Learned | EpochEnded | Stopped | Abandoned | Finished
"""What `train` yields."""
