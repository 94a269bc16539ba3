"""Pictures of a run as figures of matplotlib, which is imported here alone."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kitnet.base.error import printable
from kitnet.base.spec import Array
from kitnet.look.confusion import matrix
from kitnet.look.curves import Curve
from kitnet.look.filters import Filters, grid
from kitnet.look.mistakes import Mistake
from kitnet.train import Judgement

COUNTED = 20  # classes of a matrix whose cells show their counts
MOST_CLASSES = 200  # of a matrix
LONGEST = 16  # characters of a class's name
COLUMNS = 6  # of mistakes


def draw_curves(loss: Sequence[Curve], accuracy: Sequence[Curve]) -> Figure:
    """Loss and accuracy over epochs, beside each other; the loss alone where there is no accuracy."""
    drawn = [(loss, "loss", 1)] + ([(accuracy, "accuracy, %", 100)] if accuracy else [])
    figure = Figure(figsize=(4.5 * len(drawn), 3.6), layout="constrained")
    plots = figure.subplots(1, len(drawn), squeeze=False).ravel()
    for plot, (some, what, factor) in zip(plots, drawn, strict=True):
        for curve in some:
            values = [np.nan if value is None else factor * value for value in curve.values]
            plot.plot(
                curve.epochs, values, "--" if curve.dashed else "-", color=f"C{curve.number}", marker="."
            )
        plot.legend([_label(curve.label) for curve in some])
        plot.set_xlabel("epoch")
        plot.xaxis.get_major_locator().set_params(integer=True)
        plot.set_ylabel(what)
        plot.grid(alpha=0.3)
    return figure


def draw_confusion(judgement: Judgement) -> Figure:
    """Counts of the test part, shaded by their share of their row."""
    names = [_label(name) for name in judgement.classes]
    counts = matrix(judgement.labels, judgement.predicted, len(names))
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    side = 2.5 + min(len(names), COUNTED) * 0.42
    figure = Figure(figsize=(side, side), layout="constrained")
    plot = figure.subplots()
    plot.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    plot.set_xlabel("taken for")
    plot.set_ylabel("class")
    if len(names) > COUNTED:
        return figure
    plot.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    plot.set_yticks(range(len(names)), names, parse_math=False)
    for (row, column), count in np.ndenumerate(counts):
        ink = "white" if shares[row, column] > 0.5 else "black"
        plot.text(column, row, f"{count}", ha="center", va="center", fontsize=8, color=ink)
    return figure


def draw_mistakes(mistakes: Sequence[Mistake]) -> Figure:
    """The pictures with their classes, what they are taken for, and how sure the model is."""
    rows = -(-len(mistakes) // COLUMNS)
    figure = Figure(figsize=(1.6 * COLUMNS, 2.0 * rows), layout="constrained")
    plots = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for plot in plots:
        plot.axis("off")
    for plot, each in zip(plots, mistakes, strict=False):
        _show(plot, each.image)
        told = f"{_label(each.label)}\nas {_label(each.predicted)}, {each.confidence:.0%}"
        plot.set_title(told, fontsize=9, parse_math=False)
    return figure


def draw_filters(filters: Filters) -> Figure:
    """All filters on one sheet."""
    told = f"{filters.path}: {len(filters.images)} filters, largest weight {filters.largest:.3g}"
    return draw_sheet(grid(filters.images), told)


def draw_sheet(sheet: Array, told: str) -> Figure:
    """A sheet of pictures, uint8 (H,W,c)."""
    height, width = sheet.shape[:2]
    figure = Figure(figsize=(6, max(1.0, 6 * height / width) + 0.5), layout="constrained")
    plot = figure.subplots()
    plot.axis("off")
    _show(plot, sheet)
    plot.set_title(told, fontsize=10, parse_math=False)
    return figure


def png(figure: Figure) -> bytes:
    """The file of a figure."""
    content = io.BytesIO()
    with warnings.catch_warnings():  # of letters that the font has not: boxes stand for them
        warnings.filterwarnings("ignore", "Glyph ", UserWarning)
        figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


def _show(plot: Axes, image: np.ndarray) -> None:
    grey = image.shape[2] == 1
    plot.imshow(image[..., 0] if grey else image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def _label(name: str) -> str:
    """A name that may come from strangers; matplotlib leaves out what begins with _ in a legend."""
    text = printable(name).lstrip("_")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
