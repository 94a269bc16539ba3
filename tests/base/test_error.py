"""Errors say their whole text, and the nearest known word."""

from __future__ import annotations

import pytest

from kitnet.base.error import KitnetError, LanguageError, ShapeError, nearest


def test_shape_error_joins_reason_and_remedy() -> None:
    error = ShapeError("it is too big", "make it smaller")
    assert (str(error), error.reason, error.remedy) == (
        "it is too big; make it smaller",
        "it is too big",
        "make it smaller",
    )
    assert str(ShapeError("it is too big")) == "it is too big"


def test_language_error_points_at_the_column() -> None:
    error = LanguageError("no such word", "8x8 -> foo", 7)
    assert str(error) == "no such word\n  8x8 -> foo\n         ^"
    assert isinstance(error, KitnetError)


@pytest.mark.parametrize(
    ("word", "text"),
    [("conf", " (did you mean 'conv'?)"), ("CONF", " (did you mean 'conv'?)"), ("zzz", ""), ("", "")],
)
def test_nearest(word: str, text: str) -> None:
    assert nearest(word, ["relu", "conv"]) == text
