"""Errors say their whole text, and the nearest known word."""

from __future__ import annotations

from dataclasses import fields

import pytest

from kitnet.base.error import (
    MOST,
    OTHER_NAMES,
    KitnetError,
    LanguageError,
    ShapeError,
    cut,
    nearest,
    nearest_or_all,
    shorten,
)
from kitnet.data import NAMES
from kitnet.layers import LAYERS
from kitnet.net.language import BLOCKS
from kitnet.net.objective import losses
from kitnet.optim import RULES
from kitnet.optim.words import COURSES
from kitnet.train import Settings
from kitnet.train.step import ENGINES


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


def test_capitals_are_no_difference() -> None:
    assert nearest("c33", ["C1", "C3"]) == nearest("C33", ["c1", "C3"]) == " (did you mean 'C3'?)"


def test_where_none_is_alike_all_are_listed() -> None:
    assert nearest_or_all("C33", ["C1", "C3"]) == " (did you mean 'C3'?)"
    assert nearest_or_all("zebra", []) == ""
    assert nearest_or_all("zebra", ["C1"]) == " (there is 'C1')"
    assert nearest_or_all("zebra", ["C1", "C3"]) == " (there are 'C1' and 'C3')"
    seven = [f"C{i}" for i in range(7)]
    assert nearest_or_all("x", seven).endswith("'C4', 'C5' and 'C6')")
    assert nearest_or_all("x", [*seven, "C7"]) == (
        " (there are 'C0', 'C1', 'C2', 'C3', 'C4', 'C5' and 2 others)"
    )


def test_what_others_call_a_word() -> None:
    words = {*LAYERS, *BLOCKS} - losses().keys()
    for other, word in {
        **{"dense": "fc", "Linear": "fc", "avgpool": "meanpool", "gap": "meanpool", "BN": "batchnorm"},
        **{"skip": "residual", "pool": "maxpool", "sum": "add"},
    }.items():
        assert nearest(other, words) == f" (kitnet calls it {word!r})"
    assert nearest("cross_entropy", losses()) == " (kitnet calls it 'softmax_cross_entropy')"
    assert nearest("bce", losses()) == " (kitnet calls it 'sigmoid_cross_entropy')"
    assert nearest("mse", losses()) == " (kitnet calls it 'quadratic')"
    assert nearest("dense", ["zzz"]) == ""  # where the word is not known


def test_no_word_has_another_words_name() -> None:
    """Schedules and arguments stand where no layer can: `linear` is one, and another name of `fc`."""
    words = {*LAYERS, *BLOCKS, *NAMES, *ENGINES, *RULES}
    assert set(OTHER_NAMES) <= {*words, *COURSES, *(each.name for each in fields(Settings))}
    others = [other for names in OTHER_NAMES.values() for other in names]
    assert len(set(others)) == len(others) and not words & set(others)


def test_language_error_shows_a_part_of_a_long_line() -> None:
    line = "".join(f"{n:03}" for n in range(100))

    def shown(column: int) -> list[str]:
        error = LanguageError("no such word", line, column)
        assert (error.line, error.column) == (line, column)
        return str(error).split("\n")[1:]

    assert shown(7) == [f"  {line[:80]}...", "  " + " " * 7 + "^"]
    for column in (41, 100, 219, 259):
        first = min(column - 40, 220)
        after = "..." if first < 220 else ""
        assert shown(column) == [
            f"  ...{line[first : first + 80]}{after}",
            "  " + " " * (3 + column - first) + "^",
        ]
    assert shown(300) == [f"  ...{line[220:]}", "  " + " " * 83 + "^"]  # where the line ends too early
    assert shown(40)[0].startswith("  000")


def test_long_values_are_cut() -> None:
    assert MOST == 80
    assert (shorten("it's"), shorten(2.5), shorten(None)) == ('"it\'s"', "2.5", "None")
    assert shorten("a" * 80) == repr("a" * 80)
    assert shorten("a" * 81) == repr("a" * 80) + "..."
    assert shorten([0] * 40) == "[" + "0, " * 26 + "0..."
    assert shorten(10**5000) == "of thousands of digits"
    assert (cut("a" * 80), cut("a" * 81)) == ("a" * 80, "a" * 80 + "...")
