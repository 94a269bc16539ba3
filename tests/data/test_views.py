"""Views of a picture that are judged together."""

from __future__ import annotations

import numpy as np
import pytest

from kitnet.base.error import DataError
from kitnet.data.views import Views

X = np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3)


@pytest.mark.parametrize("text", ["flip", "shift1", "flip,shift2"])
def test_a_text_is_written_as_it_is_read(text: str) -> None:
    assert str(Views.parse(text)) == text and Views.parse(text)


@pytest.mark.parametrize("text", ["", "none", " none "])
def test_without_views_there_is_the_picture(text: str) -> None:
    views = Views.parse(text)
    assert not views and str(views) == ""
    ((share, view),) = views.of(X)
    assert share == 1
    np.testing.assert_array_equal(view, X)


def test_the_six_views_by_their_indices() -> None:
    """Each pixel of a view, by its index in the picture: rows and columns outside are mirrored."""

    def inside(i: int, size: int) -> int:
        return -i if i < 0 else 2 * (size - 1) - i if i >= size else i

    found = list(Views.parse("flip,shift1").of(X))
    assert [share for share, _ in found] == [0.25, 0.125, 0.125] * 2
    for number, (_, view) in enumerate(found):
        move = (0, -1, 1)[number % 3]
        for r, c in np.ndindex(4, 5):
            column = inside(c + move, 5)
            want = X[:, inside(r + move, 4), 4 - column if number >= 3 else column]
            np.testing.assert_array_equal(view[:, r, c], want)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("flop", "'flop' is no view (did you mean 'flip'?); write them like flip,shift1"),
        ("shift", "'shift' is no view (did you mean 'shift'?); write them like flip,shift1"),
        ("flip,", "'' is no view; write them like flip,shift1"),
        ("flip,flip", "flip is there twice; leave it out"),
        ("shift1,shift2", "shift is there twice; leave it out"),
        ("shift0", "shift moves by 0 pixels; leave it out"),
    ],
)
def test_texts_that_are_no_views(text: str, told: str) -> None:
    with pytest.raises(DataError) as caught:
        Views.parse(text)
    assert str(caught.value) == f"views {text!r}: {told}"


def test_inputs_that_have_no_such_views() -> None:
    with pytest.raises(DataError) as caught:
        Views.parse("flip").check((16,))
    assert str(caught.value) == "views flip are of pictures, not of an input 16; leave them out"
    with pytest.raises(DataError) as caught:
        Views.parse("shift4").check((4, 9, 3))
    assert str(caught.value) == "views shift4: a shift by 4 mirrors more than there is in 4x9x3; use less"
    Views.parse("shift3").check((4, 9, 3))
    Views().check((16,))
