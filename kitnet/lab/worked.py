"""The worked examples of the teaching material by their rows in the catalogue."""

from __future__ import annotations

from collections.abc import Callable

from kitnet.base.error import KitnetError, shorten
from kitnet.lab import worked_convolution, worked_networks, worked_pictures
from kitnet.lab.blackboard import Board, Example

EXAMPLES: dict[int, tuple[str, Callable[[Board], Example]]] = {
    1: ("a filter slides over a signal", worked_convolution.sliding_dot_product),
    13: ("convolution and correlation in one dimension", worked_convolution.one_dimension),
    14: ("convolution and correlation in two dimensions", worked_convolution.two_dimensions),
    15: ("a 3x3 filter on a 5x5 image", worked_convolution.five_by_five),
    17: ("strides and padding in one dimension", worked_convolution.strides),
    25: ("a convolution as NumPy indexing", worked_convolution.numpy_indexing),
    30: ("dilated filters", worked_convolution.dilations),
    31: ("small filters behind each other", worked_networks.stacked_filters),
    32: ("image filters", worked_pictures.image_filters),
    34: ("convolution by six loops", worked_convolution.six_loops),
    35: ("im2col and a product of matrices", worked_convolution.windows_as_rows),
    36: ("what im2col costs in memory", worked_convolution.windows_as_rows),
    37: ("a product of spectra", worked_convolution.spectra),
    48: ("back-propagation through 3 hidden and 2 output units", worked_networks.back_propagation),
    51: ("the way back through a mean pool", worked_networks.mean_pool_back),
}


def examples() -> dict[int, str]:
    """The titles of the worked examples by their rows."""
    return {row: title for row, (title, _) in EXAMPLES.items()}


def example(row: int | str) -> Example:
    """The worked example of a row, 14 or "14", computed and written out. Raises KitnetError where there is
    none.
    """
    found = next((known for known in EXAMPLES if str(known) == str(row)), None)
    if found is None:
        known = ", ".join(map(str, EXAMPLES))
        raise KitnetError(f"there is no worked example of row {shorten(row)}; there are {known}")
    title, work = EXAMPLES[found]
    return work(Board(found, title))
