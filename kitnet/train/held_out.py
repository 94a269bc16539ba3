"""The part of a run's data that a run is judged by when it has ended."""

from __future__ import annotations

from kitnet.data import Source, load
from kitnet.train.recipe import USUAL_DATA
from kitnet.train.settings import Settings


def held_out(settings: Settings) -> tuple[str, Source]:
    """The name of the part and the part: `test`, else `validation`, else `train`. Raises DataError."""
    parts = load(
        settings.data or USUAL_DATA,
        settings.data_dir,
        settings.split,
        bool(settings.strict),
        settings.validation,
        settings.megapixels,
    )
    *_, last = parts.named().items()
    return last
