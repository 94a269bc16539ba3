"""The arithmetic of windows: Dumoulin & Visin's relations, the sizes of the teaching material, every error's
whole text."""

from __future__ import annotations

import math

import pytest
from catalogue import row
from hypothesis import given
from hypothesis import strategies as st

from kitnet.base.error import ShapeError
from kitnet.base.shape import Axis, per_axis, say, slide, with_article


def outputs(volume: tuple[int, ...], *args: object, **kwargs: object) -> tuple[int, ...]:
    return tuple(axis.output for axis in slide(volume, *args, **kwargs))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "text"), [((28, 28, 1), "28x28x1"), ((120,), "120"), ((), "1"), ((2, 3, 4, 5), "2x3x4x5")]
)
def test_say(shape: tuple[int, ...], text: str) -> None:
    assert say(shape) == text


def test_one_number_goes_to_every_axis() -> None:
    assert per_axis(3, 2) == (3, 3)
    assert per_axis((3, 5), 2) == (3, 5)


@row(16, 17, 20, 103)
@pytest.mark.parametrize(
    ("size", "window", "stride", "pad", "output"),
    [
        (7, 3, 1, 0, 5),  # catalogue 1 and 16
        (7, 3, 2, 0, 3),
        (7, 3, 1, 1, 7),
        (5, 3, 1, 1, 5),  # 17
        (5, 3, 2, 1, 3),
        (5, 3, 1, 0, 3),
        (5, 4, 1, 2, 6),  # 20: Dumoulin & Visin's figures
        (5, 3, 1, 1, 5),
        (5, 3, 1, 2, 7),
        (11, 5, 2, 0, 4),  # 25
        (227, 11, 4, 0, 55),  # 103
        (32, 5, 1, 2, 32),
        (1, 1, 1, 0, 1),
    ],
)
def test_number_of_positions(size: int, window: int, stride: int, pad: int, output: int) -> None:
    assert outputs((size, 1), window, stride, pad) == (output,)


def test_named_pads() -> None:
    assert slide((5, 1), 3, pad="valid") == (Axis(5, 3, 1, 1, 0, 0, 3),)
    assert slide((5, 1), 3, pad="same") == (Axis(5, 3, 1, 1, 1, 1, 5),)
    assert slide((5, 1), 3, pad="full") == (Axis(5, 3, 1, 1, 2, 2, 7),)
    assert slide((5, 1), 4, pad="same") == (Axis(5, 4, 1, 1, 1, 2, 5),)  # the odd place behind
    assert slide((5, 1), 3, pad="full", dilation=2) == (Axis(5, 3, 1, 2, 4, 4, 9),)


@row(19)
@pytest.mark.parametrize(("window", "pad"), [(3, 1), (5, 2), (7, 3), (11, 5)])
def test_same_padding_of_odd_windows_is_half_of_them(window: int, pad: int) -> None:
    (axis,) = slide((20, 1), window, pad="same")  # catalogue 19: (F - 1) / 2
    assert (axis.before, axis.after, axis.output) == (pad, pad, 20)


def test_a_pad_may_differ_by_axis_and_side() -> None:
    high, wide = slide((5, 6, 1), 3, pad=((0, 1), 2))
    assert (high.before, high.after, high.output) == (0, 1, 4)
    assert (wide.before, wide.after, wide.output) == (2, 2, 8)


def test_window_stride_and_dilation_may_differ_by_axis() -> None:
    assert outputs((9, 10, 1), (3, 4), (2, 3), "valid", (2, 1)) == (3, 3)
    assert outputs((9, 10, 11, 1), 3) == (7, 8, 9)


@row(18, 103)
def test_the_rest_is_dropped_where_floor_says_so() -> None:
    assert outputs((10, 1), 3, 2, on_misfit="floor") == (4,)  # catalogue 18
    assert outputs((224, 1), 11, 4, 2, on_misfit="floor") == (55,)  # what torchvision does with AlexNet
    assert outputs((224, 1), 11, 4, ((1, 2),)) == (55,)  # the catalogue's repair: 3 places in all


sizes, small = st.integers(1, 40), st.integers(1, 6)


@given(size=sizes, window=small, stride=small, dilation=small)
def test_same_gives_one_output_a_stride(size: int, window: int, stride: int, dilation: int) -> None:
    (axis,) = slide((size, 1), window, stride, "same", dilation)
    assert axis.output == -(-size // stride)
    assert axis.after - axis.before in (0, 1)
    last = (axis.output - 1) * stride - axis.before
    assert last < size  # the last window touches the input


@given(size=sizes, window=small, stride=small, dilation=small, before=small, after=small)
def test_windows_fit_and_no_further_one_would(
    size: int, window: int, stride: int, dilation: int, before: int, after: int
) -> None:
    extent = dilation * (window - 1) + 1
    places = size + before + after
    if extent > places:
        with pytest.raises(ShapeError):
            slide((size, 1), window, stride, ((before, after),), dilation)
        return
    (axis,) = slide((size, 1), window, stride, ((before, after),), dilation, "floor")
    assert axis == Axis(size, window, stride, dilation, before, after, axis.output)
    assert axis.extent == extent
    assert (axis.output - 1) * stride + extent <= places < axis.output * stride + extent
    assert axis.output == math.floor((places - extent) / stride) + 1


@row(11)
@given(size=st.integers(6, 40), window=small)
def test_valid_same_full_lengths(size: int, window: int) -> None:
    lengths = [outputs((size, 1), window, pad=pad)[0] for pad in ("valid", "same", "full")]
    assert lengths == [size - window + 1, size, size + window - 1]  # catalogue 11


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        (
            ((5, 5, 16), 7),
            {"what": "filter"},
            "a 7x7 filter does not fit its 5x5x16 input: (5 - 7 + 2*0) / 1 + 1 = -1; use pad=1, a 7x7x16 "
            "input, "
            "or a 5x5 filter",
        ),
        (
            ((5, 9, 1), 11, 1, 1),
            {},
            "an 11x11 window does not fit its 5x9x1 input: (5 - 11 + 2*1) / 1 + 1 = -3; use pad=3x1, a 9x9x1 "
            "input, or a 7x11 window",
        ),
        (
            ((5, 1), 3, 1, 0, 4),
            {},
            "a 3 window (spread over 9 by a dilation of 4) does not fit its 5x1 input: (5 - 9 + 2*0) / 1 "
            "+ 1 = -3; "
            "use a 2 window, pad=2, or a 9x1 input",
        ),
        (
            ((10, 1), 3, 2),
            {},
            "a stride of 2 does not divide: (10 - 3 + 2*0) / 2 + 1 = 4.5 positions of a 3 window on its 10x1 "
            "input; use stride=1, pad=0:1, a 9x1 or 11x1 input, or write floor to drop the last 1",
        ),
        (
            ((5, 1), 3, 3, 1),
            {},
            "a stride of 3 does not divide: (5 - 3 + 2*1) / 3 + 1 = 2.333 positions of a 3 window on its 5x1 "
            "input; use stride=2, pad=0:1, a 4x1 or 7x1 input, or write floor to drop the last 1",
        ),
        (
            ((224, 224, 3), 11, 4),
            {"what": "filter"},
            "a stride of 4 does not divide: (224 - 11 + 2*0) / 4 + 1 = 54.25 positions of an 11x11 filter "
            "on its "
            "224x224x3 input; use stride=3, a 223x223x3 or 227x227x3 input, a 12x12 filter, or write floor "
            "to drop the last 1",
        ),
        (
            ((120,), 3),
            {"what": "filter"},
            "a filter slides over volumes such as 28x28x1, but its input is 120; "
            "put it before the layers that flatten",
        ),
        (
            ((2, 2, 2, 2, 2), 3),
            {},
            "a window slides over volumes such as 28x28x1, but its input is 2x2x2x2x2; "
            "put it before the layers that flatten",
        ),
        (
            ((5, 5, 1), (3, 3, 3)),
            {"what": "filter"},
            "the filter 3x3x3 has 3 numbers but its input has 2 axes; give one number, or 2",
        ),
        (
            ((5, 1), 3, (1, 1)),
            {},
            "the stride 1x1 has 2 numbers but its input has 1 axis; give one number, or 1",
        ),
        (((5, 5, 1), (3, 0)), {}, "a window of 3x0 is not possible; use 1 or more"),
        (((5, 5, 1), 3, 0), {}, "a stride of 0x0 is not possible; use 1 or more"),
        (((5, 5, 1), 3, 1, 0, (1, -1)), {}, "a dilation of 1x-1 is not possible; use 1 or more"),
        (((5, 5, 1), 3, 1, -1), {}, "a negative pad is not possible; use 0 or more"),
        (((5, 5, 1), 3, 1, ((0, -1), 0)), {}, "a negative pad is not possible; use 0 or more"),
        (
            ((5, 5, 1), 3, 1, (1, 1, 1)),
            {},
            "a pad of 1x1x1 does not fit an input of 2 axes; give one number, or 2",
        ),
    ],
)
def test_every_misfit_in_its_own_words(args: tuple, kwargs: dict, text: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ShapeError) as caught:
        slide(*args, **kwargs)
    assert str(caught.value) == text


@pytest.mark.parametrize("window", ["8x8 filter", "80 window", "11x3 filter", "18 window"])
def test_an_before_numbers_that_begin_with_a_vowel(window: str) -> None:
    assert with_article(window) == f"an {window}"


@pytest.mark.parametrize("window", ["7x8 filter", "110 window", "1 window", "180x2 filter"])
def test_a_before_other_numbers(window: str) -> None:
    assert with_article(window) == f"a {window}"
