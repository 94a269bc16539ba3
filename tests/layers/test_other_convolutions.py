"""What cannot be said of transposed and locally connected layers, of padding and of upsampling, each in its
own words; and how they stand in the language.
"""

from __future__ import annotations

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError, LanguageError, ShapeError
from kitnet.functional import dilation_of
from kitnet.layers import Context, Layer, LocallyConnected, Pad, TransposedConvolution, Upsample


@pytest.mark.parametrize(
    ("layer", "volume", "text"),
    [
        (
            TransposedConvolution(3, 4),
            (7,),
            "a transposed filter paints volumes such as 28x28x1, but its input is 7; put it before the "
            "layers that flatten",
        ),
        (TransposedConvolution(0, 4), (5, 5, 1), "a filter of 0x0 is not possible; use 1 or more"),
        (
            TransposedConvolution(3, 4, 2, output_pad=(1, 2)),
            (5, 5, 1),
            "an output_pad of 1x2 is not possible with a stride of 2x2; use less than the stride",
        ),
        (
            TransposedConvolution(3, 4, pad=2),
            (2, 5, 1),
            "a pad of 2 leaves nothing of the output; use a smaller pad",
        ),
        (TransposedConvolution(3, 0), (5, 5, 1), "0 filters are not possible; use 1 or more"),
        (
            TransposedConvolution(3, 4, groups=3),
            (5, 5, 3),
            "3 groups do not divide a depth of 3 and 4 filters; use a divisor of both",
        ),
        (LocallyConnected(3, 0), (5, 5, 3), "0 filters are not possible; use 1 or more"),
        (
            LocallyConnected(7, 2),
            (5, 5, 3),
            "a 7x7 filter does not fit its 5x5x3 input: (5 - 7 + 2*0) / 1 + 1 = -1; use pad=1, a 7x7x3 "
            "input, or a 5x5 filter",
        ),
        (
            Pad(1),
            (120,),
            "pad is for volumes such as 28x28x1, but its input is 120; put it before the layers that flatten",
        ),
        (
            Pad(3, "reflect"),
            (5, 3, 1),
            "reflect padding of 3 places needs more than the 3 of its 5x3x1 input; use at most 2",
        ),
        (
            Pad(((0, 4), (0, 0)), "circular"),
            (3, 5, 1),
            "circular padding of 4 places needs more than the 3 of its 3x5x1 input; use at most 3",
        ),
        (Upsample(0), (5, 5, 3), "a factor of 0x0 is not possible; use 1 or more"),
    ],
)
def test_misfits_in_their_own_words(layer: Layer, volume: tuple[int, ...], text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(volume)
    assert str(caught.value) == text


def test_what_is_only_described_may_be_of_any_size() -> None:
    assert kitnet.parse("999999999x1 -> pad1").output_shape == (1_000_000_001, 1)
    assert kitnet.parse("9x1 -> upsample999999999 bilinear").output_shape == (8_999_999_991, 1)
    assert kitnet.parse("9999x9999x3 -> local3-9").graph.params()["local1.weight"].size > 2 * 10**10


def test_words_of_padding_are_no_places() -> None:
    with pytest.raises(LanguageError) as caught:
        kitnet.parse("5x5x1 -> pad places=same")
    assert caught.value.reason == (
        "places of pad is a number, or one an axis such as 1x2 or 0:1x1:2, not 'same'"
    )


@pytest.mark.parametrize("gaps", [-1, (1, -2), 0.5, ()])
def test_gaps_are_whole_numbers_from_nought_on(gaps: object) -> None:
    with pytest.raises(KitnetError) as caught:
        dilation_of(gaps)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"dilation_of: {gaps!r} are no places between taps; give 0 or more, or one an axis"
    )


def test_a_decoder_is_one_line() -> None:
    line = (
        "8x8x3 -> conv3-8/2 pad=1 floor -> relu -> transposed3-3/2 same -> pad1 reflect -> upsample2 bilinear"
    )
    net = kitnet.parse(line)
    assert [node.shape for node in net.graph.nodes] == [
        (8, 8, 3), (4, 4, 8), (4, 4, 8), (8, 8, 3), (10, 10, 3), (20, 20, 3),
    ]  # fmt: skip
    assert str(net) == line


def test_same_gives_stride_times_the_size() -> None:
    """Also where the window is smaller than the stride: then places are added behind."""
    for window in (1, 2, 3, 4):
        assert TransposedConvolution(window, 1, 3, "same").output_shape((5, 4, 2)) == (15, 12, 1)


def test_a_filter_is_painted_at_every_place() -> None:
    """A stride of the window's size: filters side by side, each times its number."""
    x, w = np.array([[1.0, 2], [3, 0]]), np.array([[1.0, 10], [100, 1000]])
    layer = TransposedConvolution(2, 1, 2, bias=False)
    y = layer.forward({"weight": w[..., None, None]}, {}, Context(), x[None, ..., None]).y
    assert np.array_equal(y[0, ..., 0], np.kron(x, w))


def test_between_centres_upsampling_is_linear() -> None:
    x = np.array([0.0, 4, 12])[None, :, None]
    assert Upsample(2).forward({}, {}, Context(), x).y[0, :, 0].tolist() == [0, 0, 4, 4, 12, 12]
    y = Upsample(2, "bilinear").forward({}, {}, Context(), x).y[0, :, 0]
    assert y.tolist() == [0, 1, 3, 6, 10, 12]


@pytest.mark.parametrize(
    ("mode", "padded"),
    [
        ("zero", [0, 0, 1, 2, 3, 0, 0]),
        ("replicate", [1, 1, 1, 2, 3, 3, 3]),
        ("reflect", [3, 2, 1, 2, 3, 2, 1]),
        ("circular", [2, 3, 1, 2, 3, 1, 2]),
    ],
)
def test_what_stands_around(mode: str, padded: list[int]) -> None:
    x = np.array([1.0, 2, 3])[None, :, None]
    assert Pad(2, mode).forward({}, {}, Context(), x).y[0, :, 0].tolist() == padded
