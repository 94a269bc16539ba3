"""What the best model of a run says of the part of its data that it has not learned from."""

from __future__ import annotations

from collections.abc import Callable

from kitnet.look.reconstructions import Reconstructions, reconstruct
from kitnet.look.record import Record
from kitnet.train import Judgement, Model, judge, pick_engine
from kitnet.train.held_out import held_out


def judged(
    record: Record, compiling: Callable[[int, int], None] | None = None
) -> tuple[Model, Judgement | Reconstructions | None]:
    """The best model of a run and its judgement of the run's test part, or of the validation part where the
    data have no other, or what it makes of that where it gives its input; None where there is neither. Raises
    KitnetError where model or data cannot be read."""
    model = Model.load(record.path)
    name, part = held_out(record.settings)
    if name == "train":
        return model, None
    if pick_engine(None) == "compiled":
        model.compile(progress=compiling)
    return model, judge(model, part, name) if model.classes else reconstruct(model, part, name)
