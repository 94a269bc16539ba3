"""What training tells while it runs. `train` yields these; whoever listens draws bars, pages or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kitnet.train.judgement import Judgement
    from kitnet.train.loop import Loop


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
    steps: int  # of this epoch
    done: int  # steps since training began


@dataclass(frozen=True)
class Ready:
    """All is ready; the first step follows. `memory` bytes are needed besides the data, where it is known.
    `loop` is what trains: whoever hears an event may look at it, and only until asking for the next one."""

    memory: int | None = None
    loop: Loop | None = field(default=None, repr=False, compare=False)


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
    done: int  # steps since training began
    steps: int  # of this epoch
    rate: float | None  # the learning rate of this step, where the rule has one
    # Some twenty times an epoch: means over the steps since the last event that has them.
    recent: dict[str, float] | None = None


@dataclass(frozen=True)
class Changed:
    """These numbers hold from the step on that follows `step` steps of `epoch`; a batch from the next
    beginning of an epoch."""

    epoch: int
    step: int
    done: int  # steps since training began
    numbers: dict[str, Any]


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


Event = (
    Warned
    | Started
    | Ready
    | Foretold
    | Stepped
    | Changed
    | Learned
    | EpochEnded
    | Stopped
    | Abandoned
    | Finished
)
"""What `train` yields."""
