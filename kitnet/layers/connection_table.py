"""Which input maps each filter sees: the connection table of LeCun et al. 1998, Table I."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.layers.value import Value


@dataclass(frozen=True)
class ConnectionTable:
    """`columns[k]` are the input maps that filter k sees, ascending. Raises ShapeError where they are not."""

    columns: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        try:
            columns = tuple(map(tuple, self.columns))
        except TypeError:
            raise ShapeError(
                f"the columns of a connection table are the input maps of each filter, not {self.columns!r}",
                "write them like ((0, 1), (1, 2))",
            ) from None
        for k, column in enumerate(columns):
            whole = all(isinstance(c, int | np.integer) and c >= 0 for c in column)
            if not whole or not column or list(column) != sorted(set(column)):
                raise ShapeError(
                    f"filter {k} of the connection table sees the maps {column!r}",
                    "name one map or more, as whole numbers from 0 on, ascending, each once",
                )
        object.__setattr__(self, "columns", tuple(tuple(map(int, column)) for column in columns))

    @property
    def links(self) -> int:
        """Pairs of an input map and a filter that are connected."""
        return sum(map(len, self.columns))

    def pairs(self) -> tuple[list[int], list[int]]:
        """The input map and the filter of each link, ordered by filter, then by map."""
        return [c for column in self.columns for c in column], [
            k for k, column in enumerate(self.columns) for _ in column
        ]


def _columns(*columns: str) -> ConnectionTable:
    return ConnectionTable(tuple(tuple(map(int, column)) for column in columns))


# Table I of LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998:
# the first six filters see three neighbouring maps, the next six see four, three see two and two, the last
# sees all.
LENET5_C3 = _columns(
    *("012", "123", "234", "345", "045", "015"),
    *("0123", "1234", "2345", "0345", "0145", "0125"),
    *("0134", "1245", "0235"),
    "012345",
)
# LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989, section 3: each map of H2
# sees eight of the twelve of H1, by a scheme that is not published. Here map k sees eight in a row from map k
# on, around the ring of the twelve, so that each map of H1 is seen by eight of H2, too.
LENET1989_H2 = ConnectionTable(tuple(tuple(sorted((k + i) % 12 for i in range(8))) for k in range(12)))
NAMED = {"lenet5": LENET5_C3, "lenet1989": LENET1989_H2}


def _read(text: str) -> ConnectionTable:
    if text in NAMED:
        return NAMED[text]
    columns = tuple(tuple(int(number) for number in column.split(".")) for column in text.split("/"))
    try:
        return ConnectionTable(columns)
    except ShapeError:
        raise ValueError(text) from None  # the language says what is expected


def _write(table: ConnectionTable | tuple[tuple[int, ...], ...]) -> str:
    """Of bare columns too, so that a refusal of these can say what they would be."""
    for name, known in NAMED.items():
        if table == known:
            return name
    columns = table.columns if isinstance(table, ConnectionTable) else table
    return "/".join(".".join(map(str, column)) for column in columns)


TABLE = Value(_read, _write, "lenet5, lenet1989, or the input maps of each filter such as 0.1.2/1.2.3/0.2")
