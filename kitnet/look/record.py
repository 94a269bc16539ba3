"""What a run folder tells of its training, read from the files that it left."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kitnet.base.error import RunError, cut, printable, shorten
from kitnet.base.html import text
from kitnet.base.table import Table
from kitnet.train.folder import RESULTS, SUMMARY, RunFolder
from kitnet.train.settings import Settings

LARGEST = 1 << 24  # bytes of results.csv and summary.json
EPOCHS = 20  # that are shown in a notebook
MOST = 1e100  # of a number in results.csv, so that sums of squares are finite
Column = list[float | None]  # a number an epoch, None where there was none


@dataclass(frozen=True)
class Record:
    """A run: its folder, what it was told, the columns of results.csv, and summary.json, empty before the run
    has ended."""

    path: Path
    settings: Settings
    columns: dict[str, Column]
    summary: dict[str, Any]

    @classmethod
    def read(cls, where: str | Path) -> Record:
        """The record of a run folder, or of one that a link points to. Raises RunError."""
        folder, settings = RunFolder.open(where)
        return cls(folder.path, settings, _columns(folder.path / RESULTS), _summary(folder.path / SUMMARY))

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def epochs(self) -> Column:
        return self.columns.get("epoch", [])

    @property
    def held_out(self) -> str:
        """The part that each epoch was judged on besides the training part: `val`, `test`, or nothing."""
        for part in ("val", "test"):
            if any(value is not None for value in self.column(f"{part}_loss")):
                return part
        return ""

    @property
    def best(self) -> tuple[str, float] | None:
        """The best accuracy of an epoch, and the part that it is of: `val`, `test`, else `train`; None before
        the first epoch, and without classes."""
        for part in (self.held_out, "train"):
            known = [value for value in self.column(f"{part}_accuracy") if value is not None]
            if known:
                return part, max(known)
        return None

    def _repr_html_(self) -> str:
        """Its name, its network, and its epochs as a table, for a notebook."""
        shown = {
            name: numbers for name, numbers in self.columns.items() if any(n is not None for n in numbers)
        }
        rows = [["" if n is None else f"{n:.4g}" for n in row] for row in zip(*shown.values(), strict=True)]
        about = f"<p><b>{text(self.name)}</b> <code>{text(self.settings.model)}</code></p>"
        return about + (Table([*shown], rows, EPOCHS).html() if rows else "")

    def column(self, name: str) -> Column:
        """A column of results.csv by its name; without such a one nothing."""
        return self.columns.get(name, [])


def _columns(path: Path) -> dict[str, Column]:
    text = _text(path)
    if not text:
        return {}
    lines = _lines(path, text)
    header = next(lines, [])
    if len(set(header)) < len(header) or "epoch" not in header:
        raise RunError(f"{path}: its first line names no column epoch, or one twice; give a run of kitnet")
    columns: dict[str, Column] = {name: [] for name in header}
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise RunError(f"{path}: line {number} has {len(line)} values; expected {len(header)}")
        for name, value in zip(header, line, strict=True):
            columns[name].append(_number(f"{path}: line {number}: {printable(cut(name))}", value))
    return columns


def _lines(path: Path, text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text.splitlines(), strict=True)
    except csv.Error as error:
        raise RunError(f"{path}: not the results of a run ({error})") from None


def _number(what: str, text: str) -> float | None:
    """None for an empty text, as an epoch without a validation part leaves it."""
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not abs(value) < MOST:
        raise RunError(f"{what} is {shorten(text)}; expected a number below {MOST:g}")
    return value


def _summary(path: Path) -> dict[str, Any]:
    text = _text(path)
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RunError(f"{path}: not the summary of a run; give a run of kitnet")
    return found


def _text(path: Path) -> str:
    """The text of a file, nothing where there is none."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise RunError(f"{path}: larger than {LARGEST:,} bytes; give a run of kitnet")
        return content.decode()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except UnicodeDecodeError:
        raise RunError(f"{path}: not UTF-8, as kitnet writes it; give a run of kitnet") from None
