"""Where an error is: inner code raises the bare reason, this one handler puts the file or name before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kitnet.base.error import DataError


@contextmanager
def place(where: object) -> Iterator[None]:
    """Turns `DataError("reason")` raised inside, and what the system says of a file, into `where: reason`."""
    try:
        yield
    except DataError as reason:
        raise DataError(f"{printable(where)}: {reason}") from None
    except OSError as error:
        raise DataError(f"{printable(where)}: {error.strerror or error}") from None


def printable(where: object) -> str:
    """The name of a file without what would move a terminal's cursor, which may come from strangers."""
    text = str(where)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
