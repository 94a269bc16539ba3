"""The run folder: args.toml first, then checkpoints, results.csv row by row, models and summary.json."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import shlex
from pathlib import Path
from typing import Any

from kitnet.base.error import RunError, shorten
from kitnet.files import Lock, remove, write_whole
from kitnet.train.changes import CHANGES
from kitnet.train.events import EpochEnded
from kitnet.train.latest import followed
from kitnet.train.model_file import BEST, LAST
from kitnet.train.records import ENVIRONMENT, METRICS, document
from kitnet.train.settings import Settings

ARGUMENTS, RESULTS, SUMMARY = "args.toml", "results.csv", "summary.json"
CLASSES = "classes.csv"  # this and the pictures are written by kitnet.look
PICTURES = ("curves.png", "confusion.png", "mistakes.png", "filters.png")
OF_INPUT = ("reconstructions.png", "drawn.png")  # pictures of a network that gives its input
FILES = (
    *(ARGUMENTS, CHANGES, RESULTS, SUMMARY, METRICS, ENVIRONMENT, BEST, LAST, CLASSES),
    *PICTURES,
    *OF_INPUT,
)
_NAME = re.compile(r"[\w][\w.\-]*")
_CHECKPOINT = re.compile(r"checkpoint-(\d{8,18})\.safetensors")


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """A folder that belongs to one training run."""

    path: Path

    @classmethod
    def create(cls, settings: Settings, name: str, numbered: bool = False) -> RunFolder:
        """runs/NAME-1, or the next number that is free; a name that ends in a number is taken as it is unless
        it is to be `numbered` all the same.

        Raises RunError where it exists already or cannot be made.
        """
        if not _NAME.fullmatch(name):
            raise RunError(
                f"--name {shorten(name)} is no name for a folder; use letters, digits, '.', '-' and '_'"
            )
        runs = Path(settings.runs)
        try:
            runs.mkdir(parents=True, exist_ok=True)
            folder = cls(_make(runs, name, numbered))
        except OSError as error:
            if isinstance(error, FileExistsError) and runs.is_dir():
                raise RunError(
                    f"{runs / name}: exists already; choose another --name, or go on with "
                    f"kitnet train --resume {shlex.quote(str(runs / name))}"
                ) from None
            raise RunError(
                f"{runs}: a run folder cannot be made there ({error.strerror}); choose another place with "
                "--runs"
            ) from None
        try:
            folder.write_settings(settings)
        except BaseException:
            folder.clear()
            raise
        return folder

    @classmethod
    def open(cls, where: str | Path) -> tuple[RunFolder, Settings]:
        """A run folder that is there, or that a link such as `runs/latest` points to, with what it was told.
        Raises RunError."""
        path = followed(Path(where))
        if not path.is_dir():
            raise RunError(f"{path}: no such run folder; give one such as runs/lenet5-1")
        return cls(path), Settings.read(path / ARGUMENTS)

    def lock(self) -> Lock:
        """To be held while the run is trained. Raises RunError where another process holds it."""
        try:
            return Lock(self.path)
        except BlockingIOError:
            raise RunError(
                f"{self.path}: this run is being trained already; stop the other process first, or wait"
            ) from None
        except OSError as error:
            raise RunError(f"{self.path}: cannot be locked ({error.strerror}); check the folder") from None

    @property
    def best(self) -> Path:
        """The model of the epoch with the best validation accuracy, without classes with the least validation
        loss, without a validation part of the last."""
        return self.path / BEST

    @property
    def last(self) -> Path:
        """The model that was saved last."""
        return self.path / LAST

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint after so many steps of the run is written."""
        return self.path / f"checkpoint-{step:08}.safetensors"

    def checkpoints(self) -> list[Path]:
        """The checkpoints that are there, newest first."""
        found = [(match, path) for path in self.path.iterdir() if (match := _CHECKPOINT.fullmatch(path.name))]
        return [path for match, path in sorted(found, key=lambda one: -int(one[0][1]))]

    def step_of(self, checkpoint: Path) -> int:
        """The inverse of `checkpoint`."""
        return int(checkpoint.stem.rpartition("-")[2])

    def remove_leftovers(self) -> None:
        """What was being written when the process was killed. Call it while the folder is locked."""
        for path in self.path.glob(".*.*.*"):
            if path.name.startswith((*(f".{name}." for name in FILES), ".checkpoint-")):
                remove(path)

    def clear(self) -> None:
        """Leave nothing of a run that has come to nothing."""
        for path in self.path.iterdir():
            remove(path)
        self.path.rmdir()

    @property
    def summary(self) -> Path:
        return self.path / SUMMARY

    def write_settings(self, settings: Settings) -> None:
        write_whole(self.path / ARGUMENTS, settings.to_toml())

    def write_rows(self, rows: list[EpochEnded]) -> None:
        """results.csv, whole, so that a row is there or not."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(rows[0].numbers())
        table.writerows(
            [f"{v:.6g}" if isinstance(v, float) else v for v in row.numbers().values()] for row in rows
        )
        write_whole(self.path / RESULTS, text.getvalue())

    def write_summary(self, summary: dict[str, Any]) -> None:
        write_whole(self.summary, document(summary))


def absolute(folder: str) -> str:
    """The whole path, so that the run can be resumed from any folder."""
    return str(Path(folder).absolute())


def _make(runs: Path, name: str, numbered: bool) -> Path:
    if not numbered and re.search(r"-\d+$", name):
        (runs / name).mkdir()
        return runs / name
    number = 1
    while True:
        path = runs / f"{name}-{number}"
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1
