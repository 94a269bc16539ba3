"""Where an error is: inner code raises the bare reason, this one handler puts the file or name before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kitnet.base.error import DataError, printable


@contextmanager
def place(where: object) -> Iterator[None]:
    """Turns `DataError("reason")` raised inside, and what the system says of a file, into `where: reason`."""
    try:
        yield
    except DataError as reason:
        raise DataError(f"{printable(where)}: {reason}") from None
    except OSError as error:
        raise DataError(f"{printable(where)}: {error.strerror or error}") from None
