"""The words and flags that several commands share, each declared once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token

from kitnet.base.error import shorten
from kitnet.base.precision import FP32, PRECISIONS
from kitnet.base.shape import MISFITS
from kitnet.data import NAMES
from kitnet.data.image import MEGAPIXELS
from kitnet.data.kind import known


def _whole(kind: type, tokens: Sequence[Token]) -> int:
    """cyclopts would round 2.5 to 2."""
    text = tokens[0].value
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f"{shorten(text)} is no whole number")
    try:
        return int(text)
    except ValueError:  # thousands of digits
        raise ValueError(f"{shorten(text)} is too large") from None


Whole = Annotated[int, Parameter(converter=_whole)]
Network = Annotated[
    str,
    Parameter(
        help="A name (see `kitnet models`), a line of the language, or a saved model; layers of your own "
        "need --import FILE.py."
    ),
]
Run = Annotated[
    str,
    Parameter(help="A run folder or a model file; one with layers of your own needs --import FILE.py."),
]
Input = Annotated[str | None, Parameter(help="Another input volume, such as 64x64x3.")]
Given = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        consume_multiple=True,
        show_default=False,
        help="What a line leaves open: N=2 for [...]*N, CONV='conv5-16 same', POOL=..., FC=... for a word in "
        "capitals, classes=10 for the last FC; several may follow each other.",
    ),
]
DATA_SETS = known(*NAMES)
DataDir = Annotated[
    str | None,
    Parameter(help="Where the files of a named data set lie; without it they are downloaded once."),
]
Split = Annotated[
    float | None,
    Parameter(
        help="Share of the images to test with, such as 0.2, of folders and .csv files without a test part. "
        "Which ones depends on their paths alone."
    ),
]
Validation = Annotated[
    float | None,
    Parameter(
        help="Share of the training images to choose the best epoch by, such as 0.1, of data without a "
        "validation part of their own; 0: the last epoch is taken. Which ones depends on the data alone; "
        "usually as the model's card says."
    ),
]
Augment = Annotated[
    str | None,
    Parameter(
        help="Changes of the training images, anew in each epoch, such as flip,crop4 or 'crop4 "
        "reflect,cutout8', or none; usually as the model's card says. Known: flip (alternate), crop4 "
        "(reflect), resizedcrop, jitter0.4, affine0.1, elastic34-4, cutout8; mixup0.2 or cutmix at the end."
    ),
]
Strict = Annotated[
    bool, Parameter(help="Stop at the first broken image; usually broken ones are named and left out.")
]
Megapixels = Annotated[
    float | None,
    Parameter(help=f"Million pixels that an image may have; more than {MEGAPIXELS} are usually refused."),
]
Engine = Annotated[str | None, Parameter(help="compiled (usual) or formula, the readable executor.")]
Threads = Annotated[
    Whole | None,
    Parameter(help="Of the compiled engine; usually all cores. The results are the same bits."),
]
Precision = Annotated[
    str | None,
    Parameter(
        help=f"Of values and products: {', '.join(PRECISIONS)} or auto (see docs/precision.md); usually "
        f"{FP32}. For others the compiled engine needs AMX tiles; the formulas have all."
    ),
]
OnMisfit = Annotated[
    str | None,
    Parameter(
        help=f"What becomes of places that a stride does not divide, in layers that do not say it: "
        f"{', '.join(MISFITS)}. On 10 places a window of 3 with stride 2 has (10 - 3) / 2 + 1 = 4.5 "
        "positions: floor makes 4 and does not read the last place, ceil makes 5, the last of which hangs "
        "over the end, pad makes 5 by one place more, crop makes 4 of 9 places."
    ),
]
Json = Annotated[bool, Parameter(help="Print one JSON document.")]
Memory = Annotated[
    Whole | None,
    Parameter(help="Bytes that running the model may take at most; usually 80 % of what is free."),
]
