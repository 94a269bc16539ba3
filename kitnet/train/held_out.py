"""The part of a run's data that a run is judged by when it has ended."""

from __future__ import annotations

from kitnet.data import Parts, Source, load
from kitnet.train.recipe import USUAL_DATA
from kitnet.train.settings import Settings


def held_out(settings: Settings) -> tuple[str, Source]:
    """The name of the part and the part: `test`, else `validation`, else `train`. Raises DataError."""
    *_, last = parts_of(settings).named().items()
    return last


def parts_of(settings: Settings) -> Parts:
    """The data of a run. Raises DataError."""
    return load(
        settings.data or USUAL_DATA,
        settings.data_dir,
        settings.split,
        bool(settings.strict),
        settings.validation,
        settings.megapixels,
    )
