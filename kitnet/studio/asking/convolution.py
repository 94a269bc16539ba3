"""What the room of convolution asks for: one convolution with every number that it is made of, and a
photograph through a filter.

The numbers come from the layer's formula in float64, the products from its terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, ShapeError, shorten
from kitnet.base.misfit import rule
from kitnet.base.shape import MISFITS, Axis, Sliding, say
from kitnet.base.spec import Array
from kitnet.layers import At, Context, Convolution, Pass
from kitnet.layers.value import PAD, SIZES, Value
from kitnet.layers.window import Axes, area, output_sizes, padded
from kitnet.look import filtered
from kitnet.studio import numbers
from kitnet.studio.asking import body, picture

MOST_PRODUCTS = 8000  # of one convolution
MOST_NUMBERS = 2000  # of its padded input, and of its filters
LARGEST = 1e9  # of the numbers
WIDEST = 15  # rows and columns of a filter of photographs
LONGEST = 1 << 16  # characters of a text of numbers
EXAMPLE = "height x width x channels such as 5x5x3"


def convolution(told: dict[str, Any]) -> dict[str, Any]:
    """One convolution of one input. `size`, `window` and `filters` say what is drawn from `seed` where `x`,
    `w` and `b` are empty; texts of numbers in them are taken as they are. Raises KitnetError."""
    texts = ("size", "window", "stride", "pad", "dilation", "misfit", "x", "w", "b")
    body.check(
        told,
        "convolution",
        **dict.fromkeys(texts, str),
        **dict.fromkeys(("filters", "groups", "seed"), int),
        flip=bool,
    )
    if told["misfit"] not in MISFITS:
        raise body.BodyError(f"misfit is one of {', '.join(MISFITS)}")
    given_x, given_w = _planes("the input", told["x"]), _planes("the filters", told["w"])
    shape = _volume(told["size"]) if given_x is None else (*given_x.shape[1:], len(given_x))
    layer = _layer(told, shape, given_w)
    layer.output_shape(shape)
    axes = layer.axes(shape)
    _check_size(layer, shape, axes)
    random = np.random.default_rng(abs(told["seed"]))
    each = shape[-1] // layer.groups
    x = random.integers(0, 3, shape) if given_x is None else np.moveaxis(given_x, 0, -1)
    w = random.integers(-1, 2, (*layer.window, each, layer.filters))  # type: ignore[misc]  # a tuple by `_layer`
    if given_w is not None:
        w = np.moveaxis(given_w.reshape(layer.filters, each, *given_w.shape[1:]), (0, 1), (-1, -2))
    b = random.integers(0, 2, layer.filters)
    if (given_b := _row("the biases", told["b"])) is not None:
        b = given_b
        if len(b) != layer.filters:
            raise KitnetError(f"there are {len(b)} biases for {layer.filters} filters; give one a filter")
    weights = {"weight": w.astype(np.float64), "bias": b.astype(np.float64)}
    return _described(Pass(layer, weights, {}, Context(), (x[None].astype(np.float64),)))


def _described(run: Pass) -> dict[str, Any]:
    """All numbers of a pass of a convolution with a bias over one image."""
    from kitnet.lab.im2col import matrix_of_windows  # of a folder that needs the engine

    layer, (x,) = run.layer, run.x
    assert isinstance(layer, Convolution)
    axes, groups = layer.axes(x.shape[1:]), layer.groups
    w, b, y = run.w["weight"], run.w["bias"], run.made.y[0]
    wide, correlated = padded(x, axes)[0], layer.dense(w, x.shape[-1])
    rows = [matrix_of_windows(part, axes) for part in np.split(x, groups, -1)]
    return {
        "x": _by_plane(x[0]),
        "w": [_by_plane(w[..., k]) for k in range(layer.filters)],
        "b": b.tolist(),
        "padded": _by_plane(wide),
        "inside": [_inside(a) for a in axes],
        "filters": [_by_plane(correlated[..., k]) for k in range(layer.filters)],
        "y": _by_plane(y),
        "stride": [a.stride for a in axes],
        "dilation": [a.dilation for a in axes],
        "groups": groups,
        "rules": [_rule(a) for a in axes],
        "rows": [matrix.tolist() for matrix in rows],
        "columns": [correlated[..., k].ravel().tolist() for k in range(layer.filters)],
        "sums": [_sum(run, axes, k, at) for k in range(layer.filters) for at in np.ndindex(*y.shape[:-1])],
    }


def _sum(run: Pass, axes: Axes, k: int, at: tuple[int, ...]) -> dict[str, Any]:
    """What makes y[at, k]: the products at each tap by map, 0 in padding, their sums by map, and the bias."""
    layer, (x,) = run.layer, run.x
    assert isinstance(layer, Convolution)
    terms = run.terms(At("y", (0, *at, k)))
    maps = [c for c, _ in layer.planes(x.shape[-1], k)]
    products = np.zeros((len(maps), *(a.window for a in axes)))
    bias = 0.0
    for term in terms.terms:
        if len(term.factors) == 1:
            bias = term.value
            continue
        _, *place, c = term.factors[0].index
        tap = tuple((p - a.start(o)) // a.dilation for p, a, o in zip(place, axes, at, strict=True))
        products[(maps.index(c), *tap)] = term.value
    return {
        "at": [*at, k],
        "start": [o * a.stride for o, a in zip(at, axes, strict=True)],
        "maps": maps,
        "products": products.tolist(),
        "sums": [math.fsum(one.flat) for one in products],
        "bias": bias,
        "value": terms.value,
    }


def _inside(a: Axis) -> list[int]:
    """The first place of the padded input that is no padding, and behind the last one."""
    first = max(a.before, 0)
    return [first, first + a.size + min(a.before, 0) + min(a.after, 0)]


def _rule(a: Axis) -> str:
    """How many positions there are along an axis, as it is computed."""
    return rule(Sliding(a.size, a.window, a.stride, a.dilation, (a.before, a.after), "error"))


def _by_plane(values: Array) -> list[Any]:
    """(H,W,C) as C lists of rows."""
    found: list[Any] = np.moveaxis(values, -1, 0).tolist()
    return found


# What a person has written


def _layer(told: dict[str, Any], shape: tuple[int, ...], given: Array | None) -> Convolution:
    """Raises KitnetError for what is no layer."""
    window, groups = _read("window", SIZES, told["window"]), told["groups"]
    window = (window, window) if isinstance(window, int) else window
    filters = told["filters"]
    if groups < 1:
        raise ShapeError(f"{groups} groups are not possible", "use 1 or more")
    if given is not None:
        each = max(1, shape[-1] // groups)
        if len(given) % each:
            raise KitnetError(
                f"filters of {each} channels need {each} planes of weights each, but there are {len(given)}; "
                "write the channels of a filter below each other, an empty line between"
            )
        window, filters = given.shape[1:], len(given) // each
    return Convolution(
        window,
        filters,
        _read("stride", SIZES, told["stride"]),
        _read("padding", PAD, told["pad"]),
        _read("dilation", SIZES, told["dilation"]),
        groups,
        on_misfit=told["misfit"],
        flip=told["flip"],
    )


def _read(what: str, value: Value, text: str) -> Any:
    try:
        return value.read(text.strip())
    except ValueError:
        raise KitnetError(f"{what}: expected {value.expected}, not {shorten(text)}") from None


def _volume(text: str) -> tuple[int, ...]:
    try:
        shape = SIZES.read(text.strip())
    except ValueError:
        shape = ()
    if not isinstance(shape, tuple) or len(shape) != 3 or min(shape) < 1:
        raise KitnetError(f"size: expected {EXAMPLE}, not {shorten(text)}")
    return shape


def _check_size(layer: Convolution, shape: tuple[int, ...], axes: Axes) -> None:
    """Raises KitnetError for what is too large to be shown number by number."""
    wide = math.prod(a.before + a.size + a.after for a in axes) * shape[-1]
    weights = area(axes) * shape[-1] // layer.groups * layer.filters
    for what, count in (("padded input", wide), ("filters", weights)):
        if count > MOST_NUMBERS:
            raise KitnetError(
                f"the room shows at most {MOST_NUMBERS:,} numbers of the {what}, but these sizes make "
                f"{count:,}; use smaller ones"
            )
    products = math.prod(output_sizes(axes)) * weights
    if products > MOST_PRODUCTS:
        raise KitnetError(
            f"the room shows at most {MOST_PRODUCTS:,} products, but these sizes make {products:,}; use a "
            "smaller input, or fewer filters"
        )


def _planes(what: str, text: str) -> Array | None:
    """(planes,R,S) of rows of numbers, an empty line between planes; None of an empty text. Raises
    KitnetError."""
    blocks = list(_blocks(text))
    rows = [[_numbers(what, line) for line in block] for block in blocks]
    shapes = {(len(block), len(row)) for block in rows for row in block}
    if len(shapes) > 1:
        raise KitnetError(
            f"{what}: planes have as many rows, and rows as many numbers, each; here are "
            f"{' and '.join(say(shape) for shape in sorted(shapes)[:2])}"
        )
    return np.array(rows) if rows else None


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in [*text[:LONGEST].splitlines(), ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _row(what: str, text: str) -> Array | None:
    return np.array(_numbers(what, text)) if text.strip() else None


def _numbers(what: str, line: str) -> list[float]:
    found = []
    for word in line.replace(",", " ").split():
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not abs(number) <= LARGEST:
            raise KitnetError(f"{what}: {shorten(word)} is no number up to {LARGEST:g}")
        found.append(number)
    return found


def _limited(what: str, number: float) -> float:
    if not abs(number) <= LARGEST:
        raise KitnetError(f"{what}: {shorten(number)} is no number up to {LARGEST:g}")
    return float(number)


# Photographs


def image_filters(told: dict[str, Any]) -> dict[str, Any]:
    """{}: the classic filters by name."""
    from kitnet.lab.image_filters import FILTERS  # of a folder that needs the engine

    body.check(told, "image_filters")
    return {
        "filters": {
            name: {"numbers": one.numbers, "factor": one.factor, "bias": one.bias}
            for name, one in FILTERS.items()
        }
    }


def photograph(told: dict[str, Any]) -> dict[str, Any]:
    """A picture, a file in base64 or empty for the one of the room, before and after a filter, written row by
    row. Raises KitnetError."""
    from kitnet.lab.image_filters import ImageFilter  # of a folder that needs the engine

    body.check(
        told, "photograph", numbers=str, factor=(int, float), bias=(int, float), flip=bool, picture=str
    )
    rows = [_numbers("the filter", line) for line in told["numbers"].splitlines() if line.strip()]
    if max([len(rows), *map(len, rows)]) > WIDEST:
        raise KitnetError(f"a filter has at most {WIDEST} rows and columns here")
    factor, bias = (_limited(name, told[name]) for name in ("factor", "bias"))
    whole = picture.read(told["picture"]) if told["picture"] else picture.computed()
    pixels = picture.reduced(whole)
    made = filtered(pixels, ImageFilter("", rows, factor, bias), flip=told["flip"])
    return {
        "before": numbers.picture(pixels),
        "after": numbers.picture(made),
        "size": [pixels.shape[1], pixels.shape[0]],
        "whole": [whole.shape[1], whole.shape[0]],
    }
