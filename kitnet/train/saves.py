"""What a run saves: its last and its best model, and its two newest checkpoints."""

from __future__ import annotations

import errno
import shlex
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kitnet.base.error import RunError, UnwrittenError
from kitnet.base.spec import Array
from kitnet.files import Lock, copy_whole, remove
from kitnet.net import Net
from kitnet.train.checkpoint import ChangedError, Progress, Training, load_checkpoint, save_checkpoint
from kitnet.train.events import EpochEnded, Event
from kitnet.train.folder import RunFolder
from kitnet.train.model import Model

FORMAT_1 = "checkpoint.safetensors"  # of a run of format 1
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # reasons that more room mends


@dataclass
class Saves:
    """The files of a run whose folder is locked."""

    folder: RunFolder
    lock: Lock
    newest: Path | None = None  # the checkpoint that the run goes on from, or saved last
    warning: str = ""  # about the checkpoint that the run goes on from

    def save(self, training: Training, progress: Progress, step: int) -> None:
        """A checkpoint after so many steps of the run. Of the others the newest that is whole stays, all
        before it go. Raises RunError."""
        path = self.folder.checkpoint(step)
        save_checkpoint(path, training, progress)
        for other in self.folder.checkpoints():
            if other not in (path, self.newest):
                remove(other)
        self.newest = path

    def save_model(self, model: Model, images: Array, rows: list[EpochEnded]) -> None:
        """The last model. It is the best one, too, where the last of the epochs was, or none has ended yet.
        Raises RunError."""
        model.save(self.folder.last, images)
        if is_best(rows):
            copy_whole(self.folder.last, self.folder.best)

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    def clear(self) -> None:
        """Leave nothing of a run that has come to nothing."""
        self.folder.clear()

    def write_rows(self, rows: list[EpochEnded]) -> None:
        """The table of its epochs. Raises RunError."""
        self.folder.write_rows(rows)

    def write_summary(self, summary: dict[str, Any]) -> None:
        """What is told of the run when it has ended. Raises RunError."""
        self.folder.write_summary(summary)

    def telling(self, events: Generator[Event, None, None]) -> Generator[Event, None, None]:
        """The events; where a file cannot be written the error says what is saved, and how the run goes
        on."""
        try:
            yield from events
        except UnwrittenError as error:
            if self.newest is None:
                raise
            mended = "there is room" if error.error.errno in FULL else "that is mended"
            raise error.with_remedy(
                f"everything up to step {self.folder.step_of(self.newest)} is saved: once {mended}, go on "
                f"with kitnet train --resume {shlex.quote(str(self.path))}"
            ) from None

    def kept(self, rows: list[EpochEnded]) -> str:
        """What is left where the loss is lost after these epochs."""
        if rows:
            best = rows[-1 - since_best(rows)]
            held = best.val_accuracy is not None
            right = best.val_accuracy if held else best.train_accuracy
            return (
                f"the best model, that of epoch {best.epoch} with {right:.2%} of the "
                f"{'validation' if held else 'training'} images right, is kept in {self.folder.best}"
            )
        if self.folder.last.exists():
            return f"the model that was saved last is kept in {self.folder.last}"
        return f"no epoch had ended, so that only the start is kept, in {self.newest}"

    def restore_best(self, net: Net) -> None:
        """Put weights and state of the best model that was saved into the network, if there is one."""
        if self.folder.best.exists():
            best = Model.load(self.folder.best, memory=sys.maxsize).net  # it runs already
            net.weights.flat[...] = best.weights.flat
            net.keep(best.state)

    def load(self, training: Training) -> Progress:
        """Fill its network and the memory of its rule from the newest checkpoint that is whole; `warning`
        tells of one that is not. Raises RunError where there is none."""
        reasons = []
        for path in self.folder.checkpoints():
            try:
                progress = load_checkpoint(path, training)
            except ChangedError:
                raise
            except RunError as error:
                reasons.append(str(error))
                continue
            self.newest = path
            self.warning = f"{reasons[0]}; going on from {path.name}" if reasons else ""
            return progress
        old = self.folder.path / FORMAT_1
        if old.exists():
            reasons.append(f"{old}: a checkpoint of format 1, which cannot be resumed")
        raise RunError(f"{[*reasons, f'{self.folder.path}: holds no checkpoint'][0]}; start the run anew")


def is_best(rows: list[EpochEnded]) -> bool:
    """Whether the last epoch has the best validation accuracy, of equal ones the lowest validation loss,
    which alone decides without classes. Without epochs, and without a validation part: yes."""
    return since_best(rows) == 0


def since_best(rows: list[EpochEnded]) -> int:
    """How many epochs have ended after the best one."""
    merits = [_merit(row) for row in rows if row.val_loss is not None]
    return len(merits) - 1 - merits.index(max(merits)) if merits else 0


def _merit(row: EpochEnded) -> tuple[float, float]:
    """Of two epochs the better one has the larger."""
    return row.val_accuracy or 0.0, -(row.val_loss or 0.0)
