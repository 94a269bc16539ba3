"""Bugs in functions."""

from mutant import Mutant

FUNCTIONAL = [
    Mutant(
        "functional.in_place:suits",
        "samples < cpu.lanes",
        "samples <= cpu.lanes",
        "functional/test_in_place.py::test_few_images_or_full_vectors_of_filters_suit",
    ),
    Mutant(
        "winograd_fits",
        "groups == 1 and [(a.window, a.stride, a.dilation) for a in axes] == [(3, 1, 1)] * 2",
        "[(a.window, a.stride, a.dilation) for a in axes] == [(3, 1, 1)] * 2",
        "functional/test_in_place.py::test_winograd_is_not_for_other_3x3_windows",
    ),
    Mutant(
        "convolve_by_winograd",
        "winograd.convolve('winograd', d.cpu, d.batch, x, y, window.before, bias=p.bias, blocks=TASKS)",
        "winograd.convolve('winograd', d.cpu, d.batch, x, y, (0, 0, 0), bias=p.bias, blocks=TASKS)",
        "functional/test_function_arguments.py::test_winograd_is_another_way_to_the_same[6-shape0]",
    ),
]
