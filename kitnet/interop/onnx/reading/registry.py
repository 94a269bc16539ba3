"""The operators that are read, each by one function: `@reads("Conv")`; and what older versions of them mean:
`@before(13, "Softmax")`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kitnet.interop.onnx.reading.call import Call

Reads = Callable[["Call"], Any]
READERS: dict[str, Reads] = {}
OLD: dict[str, list[tuple[int, Callable[[Call], None]]]] = {}


def reads(*operators: str) -> Callable[[Reads], Reads]:
    """The function that follows reads these operators of ONNX: it adds layers and gives the value, or one for
    each output."""

    def register(function: Reads) -> Reads:
        READERS.update(dict.fromkeys(operators, function))
        return function

    return register


def before(version: int, *operators: str) -> Callable[[Callable[[Call], None]], Callable[[Call], None]]:
    """The function that follows rewrites a node of an opset below `version` as that version writes it."""

    def register(function: Callable[[Call], None]) -> Callable[[Call], None]:
        for operator in operators:
            OLD.setdefault(operator, []).append((version, function))
        return function

    return register
