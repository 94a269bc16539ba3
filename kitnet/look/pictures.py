"""What a run leaves to look at: the table of its classes, and pictures where matplotlib is there."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kitnet.base.error import KitnetError
from kitnet.files import remove, write_whole
from kitnet.look.confusion import class_scores, classes_csv
from kitnet.look.curves import curves
from kitnet.look.filters import first_filters
from kitnet.look.mistakes import worst
from kitnet.look.reconstructions import Reconstructions, pairs, sheet
from kitnet.look.report import Examined
from kitnet.train.folder import CLASSES, OF_INPUT, PICTURES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def write_classes(run: Examined) -> None:
    """classes.csv in the run folder: precision, recall and support of each class. Raises
    RunError."""
    found = run.judgement
    if found is not None:
        table = classes_csv(class_scores(found.labels, found.predicted, found.classes))
        write_whole(run.record.path / CLASSES, table)


@contextmanager
def _quiet() -> Iterator[None]:
    """What matplotlib tells of its folders when it is imported is no matter of a run."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def draw(run: Examined) -> None:
    """The `PICTURES` in the run folder, with those of a network that gives its input; one of which there is
    nothing to draw, such as mistakes, is removed. Raises RunError, and KitnetError without matplotlib."""
    if not can_draw():
        raise KitnetError("pictures need matplotlib: pip install 'kitnet[plots]'")
    with _quiet():
        from kitnet.look import plots

    record, judgement, given_back = run.record, run.judgement, run.reconstructions
    loss, accuracy = (curves([record], [record.name], what) for what in ("loss", "accuracy"))
    mistakes = [] if judgement is None else worst(judgement)
    filters = None if run.model is None else first_filters(run.model.net)
    small = judgement is not None and len(judgement.classes) <= plots.MOST_CLASSES
    figures = (
        plots.draw_curves(loss, accuracy) if loss else None,
        plots.draw_confusion(judgement) if judgement is not None and small else None,
        plots.draw_mistakes(mistakes) if mistakes else None,
        plots.draw_filters(filters) if filters is not None else None,
        _pairs(given_back),
        _drawn(given_back),
    )
    for name, figure in zip((*PICTURES, *OF_INPUT), figures, strict=True):
        path = record.path / name
        if figure is None:
            remove(path)
        else:
            write_whole(path, plots.png(figure))


def _pairs(found: Reconstructions | None) -> Figure | None:
    from kitnet.look import plots

    if found is None or found.images is None or found.made is None:
        return None
    told = f"{found.part} images, under each what the network makes of it"
    return plots.draw_sheet(pairs(found.images, found.made), told)


def _drawn(found: Reconstructions | None) -> Figure | None:
    from kitnet.look import plots

    if found is None or found.drawn is None:
        return None
    return plots.draw_sheet(
        sheet(found.drawn), "what the decoder makes of codes from the standard normal prior"
    )
