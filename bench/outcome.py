"""Whether two sides computed the same, and tables of what was measured."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from table import BENCHES, Bench

# Difference that is allowed, relative to the largest number; gradients of networks have one of their own.
TOLERANCE = 1e-4


class RefusedError(Exception):
    """A result that must not be shown as one; its text says why."""


def difference(bench: Bench, right: Path, answers: Path, judge: str) -> str:
    """How far answers in a file are from those of the judge, where that is too far."""
    apart = bench.network.apart if bench.network else TOLERANCE
    found = dict(np.load(answers))
    for what, want in dict(np.load(right)).items():
        have = found.get(what)
        if have is None or have.shape != want.shape:
            return f"its {what} have the shape {None if have is None else have.shape}, {judge}'s {want.shape}"
        # a fingerprint is the length of an array and a projection of it, both measured by the length
        scale = np.abs(want[..., :1]) if what not in ("scores", "losses") else np.abs(want).max()
        off = float((np.abs(have - want) / np.maximum(scale, 1e-30)).max())
        allowed = apart if what == "gradients" else TOLERANCE
        if not off <= allowed:
            return f"its {what} differ from {judge}'s by {off:.1e}, allowed are {allowed:.0e}"
    return ""


def other_counts(facts: dict[str, Any], right: dict[str, Any], judge: str) -> str:
    """Which count of a network is not the judge's."""
    for count in ("multiply_adds", "first"):
        if facts.get(count) != right.get(count):
            return f"its network has {facts.get(count)} {count}, that of {judge} others"
    return ""


def geometric(values: Iterable[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def digits(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}")


def columns_of(path: Path) -> list[str]:
    """The columns of a table, none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return next(csv.reader(file), [])


def write(rows: list[dict[str, Any]], path: Path) -> None:
    """Rows with a `name` each, which begins with a name of the bench; other names keep their rows."""
    path.parent.mkdir(exist_ok=True)
    columns = list(rows[0])
    measured = {_name(row) for row in rows}
    if path.exists():
        with path.open(newline="") as file:
            rows = [*rows, *(row for row in csv.DictReader(file) if _name(row) not in measured)]
    order = list(BENCHES)
    rows = sorted(rows, key=lambda row: order.index(_name(row)))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _name(row: dict[str, Any]) -> str:
    return str(row["name"]).split(":")[0]
