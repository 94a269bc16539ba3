"""What a training was: its epochs as a table, and the numbers that are told at its end."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from kitnet.base.error import KitnetError, nearest
from kitnet.base.table import Table
from kitnet.train.events import EpochEnded
from kitnet.train.saves import since_best

MOST = 20  # epochs that are printed
LARGE = 1000  # from which on a number is printed without decimals
NUMBERS = tuple(one.name for one in fields(EpochEnded) if one.name != "parts")


@dataclass(repr=False)
class History:
    """`history["val_accuracy"]` is a list, a number an epoch; `rows` are the epochs. `folder` is the run's,
    if it has one, and `summary` what `kitnet train` writes there, empty where training was stopped."""

    folder: Path | None = None
    rows: list[EpochEnded] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self.names:
            raise KeyError(f"no {name!r}{nearest(name, self.names)}; known: {', '.join(self.names)}")
        return [row.numbers()[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the numbers of an epoch."""
        return tuple(self.rows[0].numbers()) if self.rows else NUMBERS

    @property
    def best(self) -> EpochEnded:
        """The epoch whose weights the model has: of the best validation accuracy, without classes of the
        least validation loss, or the last one. Raises KitnetError before one has ended."""
        if not self.rows:
            raise KitnetError("no epoch of this training has ended")
        return self.rows[-1 - since_best(self.rows)]

    def __repr__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        return self._table().html()

    def _table(self) -> Table:
        names = [name for name in self.names if any(value is not None for value in self[name])] or self.names
        return Table(names, [[_said(row.numbers()[name]) for name in names] for row in self.rows], MOST)


def _said(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= LARGE else f"{value:.4g}"
