"""A layer's formulas run for a node of a graph, whoever runs the graph: what they give is checked, and an
error names the layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.precision import FP32, Precision
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers import Backward, Context, Forward, Kept, Layer
from kitnet.net import precise


def run_forward(
    path: str, layer: Layer, shape: Shape, w: Mapping[str, Array], state: Mapping[str, Array], ctx: Context,
    x: tuple[Array, ...], precision: Precision = FP32,
) -> Forward:  # fmt: skip
    """The layer's `forward` on operands of a batch, as it has read them, whose y has `shape` for each sample.
    Raises ShapeError where it gives another one, KitnetError where it gives no Forward.
    """
    what = f"{path}: forward of {layer.word}"
    with _named(what):
        made = precise.forward(precision, layer, w, state, ctx, x)
    if not isinstance(made, Forward):
        raise KitnetError(f"{what} gave {type(made).__name__}; return Forward(y)")
    _check(what, "y", made.y, (*x[0].shape[:1], *shape))
    for name, array in state.items():
        if name in made.state:
            _check(what, f"the state {name}", made.state[name], array.shape)
    unknown = sorted(set(made.state) - set(state))
    if unknown:
        raise KitnetError(f"{what} gave a state {unknown[0]!r}, which state() does not declare")
    return made


def run_backward(
    path: str, layer: Layer, w: Mapping[str, Array], kept: Kept, dy: Array, precision: Precision = FP32
) -> Backward:
    """The layer's `backward` on a dy that it has read. Raises ShapeError where a gradient has another shape
    than its array, KitnetError where one is missing.
    """
    what = f"{path}: backward of {layer.word}"
    with _named(what):
        made = precise.backward(precision, layer, w, kept, dy)
    if not isinstance(made, Backward):
        raise KitnetError(f"{what} gave {type(made).__name__}; return Backward((dx,), dw)")
    if len(made.dx) != len(kept.shapes):
        raise KitnetError(f"{what} gave {len(made.dx)} gradients for {len(kept.shapes)} operands")
    for i, (dx, shape) in enumerate(zip(made.dx, kept.shapes, strict=True)):
        if dx is not None:
            _check(what, f"dx {i}" if len(kept.shapes) > 1 else "dx", dx, shape)
    for name, array in w.items():
        if name not in made.dw:
            raise KitnetError(f"{what} gave no gradient of {name}; put it into dw")
        _check(what, f"dw {name}", made.dw[name], array.shape)
    return made


def _check(what: str, name: str, given: Array, shape: tuple[int, ...]) -> None:
    if np.shape(given) != shape:
        raise ShapeError(f"{what} gave {name} of shape {np.shape(given)}, not {shape}")
    if np.iscomplexobj(given):
        raise KitnetError(f"{what} gave {name} of complex numbers; give its real part")


@contextmanager
def _named(what: str) -> Iterator[None]:
    """What a formula raises says where."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {what}")
        raise
