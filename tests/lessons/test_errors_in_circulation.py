"""Errors that texts on convolutional networks repeat are told beside the cell that shows what is right, in
both languages."""

from __future__ import annotations

import pytest

from kitnet.lessons import LANGUAGES, Chapter, Code, Prose, chapters

CHAPTERS = {one.folder.name: one for one in chapters()}
ERRORS = [  # what is said, chapter, cell, a word that both languages use for it
    ("a layer turns its filter by 180 degrees first", "02-convolution", "kitnet", "180"),
    ("12 12 17 ... is the convolution of the 5x5 example", "02-convolution", "five", "m - n"),
    ("two rot90 turn a filter, in one dimension too", "02-convolution", "rotate", "rot90"),
    ("a product of spectra is the convolution", "02-convolution", "spectra", "3, 1, 3, 1, 2"),
    ("a bias at each position", "03-two-dimensions", "shapes", "100"),
    ("several channels make it three-dimensional", "03-two-dimensions", "axes", "conv5-6"),
    ("loops over the whole picture", "03-two-dimensions", "loops", "H - R + 1"),
    ("the size formula without a floor", "03-two-dimensions", "misfit", "54.25"),
    ("a padding of 3 repairs 224", "03-two-dimensions", "alexnet", "224"),
    ("the ordinary filter has dilation 0", "03-two-dimensions", "dilation", "dilation 0"),
    ("two 3x3 equal a 5x5", "03-two-dimensions", "stacked", "5 x 5"),
    ("25 parameters a map", "04-sharing", "lenet", "156"),
    ("11x11x3 = 364 parameters and 1 bias", "04-sharing", "alexnet", "364"),
    ("the network of 1989 is of 1988, its biases shared", "04-sharing", "bias", "1988"),
    ("mean pooling is a convolution", "05-pooling", "channels", "1/4"),
    ("z_j has the bias b_k", "06-residuals", "chain", "b_j"),
    ("-Y/A - (1 - Y)/(1 - A)", "06-residuals", "derive", "(1 - y)/(1 - a)"),
    ("delta W f'", "06-residuals", "back", "delta W f'"),
    ("(a1 - y), (a2 - y)", "06-residuals", "back", "(a2 - y2)"),
    ("cross-entropy solves saturation", "06-residuals", "deep", "f'"),
    ("dX = conv(delta, rot180 W), whatever conv means", "07-three-formulas", "turned", "rot180"),
    ("delta has the indices of the weight", "07-three-formulas", "places", "w(a, b)"),
    ("S4 has 12 parameters", "08-lenet-back", "lenet", "32"),
    ("C5 leads to S6", "08-lenet-back", "lenet", "S6"),
]


def beside(one: Chapter, language: str, cell: str) -> str:
    """The prose before and after a cell."""
    parts = list(one.parts(language))
    (i,) = (i for i, part in enumerate(parts) if isinstance(part, Code) and part.name == cell)
    return "".join(part.text for part in parts[i - 1 : i + 2] if isinstance(part, Prose)).replace("×", "x")


@pytest.mark.parametrize(
    ("chapter", "cell", "word"), [error[1:] for error in ERRORS], ids=[e[0] for e in ERRORS]
)
def test_an_error_is_told_where_a_reader_meets_it(chapter: str, cell: str, word: str) -> None:
    for language in LANGUAGES:
        assert word in " ".join(beside(CHAPTERS[chapter], language, cell).split()), language
