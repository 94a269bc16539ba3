"""The words and flags that several commands share, each declared once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token


def _whole(kind: type, tokens: Sequence[Token]) -> int:
    """cyclopts would round 2.5 to 2."""
    if not re.fullmatch(r"[+-]?[0-9]+", tokens[0].value):
        raise ValueError(f"{tokens[0].value!r} is no whole number")
    return int(tokens[0].value)


Whole = Annotated[int, Parameter(converter=_whole)]
Network = Annotated[str, Parameter(help="A name (see `kitnet models`) or a line of the language.")]
Run = Annotated[str, Parameter(help="A run folder or a model file.")]
Input = Annotated[str | None, Parameter(help="Another input volume, such as 64x64x3.")]
Data = Annotated[str, Parameter(help="digits, mnist, fashion-mnist, kmnist, or a folder with idx files.")]
DataDir = Annotated[
    str | None,
    Parameter(help="Where the files of a named data set lie; without it they are downloaded once."),
]
Engine = Annotated[str | None, Parameter(help="compiled (usual) or formula, the readable executor.")]
Threads = Annotated[
    Whole | None,
    Parameter(help="Of the compiled engine; usually all cores. The results are the same bits."),
]
Json = Annotated[bool, Parameter(help="Print one JSON document.")]
