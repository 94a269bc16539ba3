"""What a run needs to go on as if it had never stopped: the network, the memory of the update rule, and where
the run was."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kitnet.base.error import KitnetError, RunError
from kitnet.base.spec import Array
from kitnet.files import Format, Part, opened
from kitnet.files.parts import FORMAT
from kitnet.net import Net, Weights
from kitnet.optim import Rule
from kitnet.train.events import EpochEnded
from kitnet.train.metrics import Score
from kitnet.train.network_parts import check_arrays, check_network_arrays, fill, graph_data, network_parts

PARTS = ("graph", "weights", "state", "rule", "trainer", "data", "settings")
# those of before have no settings
CHECKPOINT = Format("kitnet checkpoint 3", dict.fromkeys(PARTS, 1), frozenset({"settings"}))
OLD = {"kitnet checkpoint 1": 1, "kitnet checkpoint 2": 2}  # 2: without a validation part
MOST = 1 << 53  # of a count in a file
LATER = ("parts", "of_outputs", "told")  # fields that checkpoints of before do not have


class ChangedError(RunError):
    """Arguments that are not those that a run began with."""


@dataclass
class Progress:
    """Where a run is: `step` steps of epoch number `epoch` (from 0) are done, in `seconds` of work;
    `first_loss` is that of the first step, `told` the part of the `score` that events have told of."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    first_loss: float = 0.0
    score: Score = field(default_factory=Score)
    rows: list[EpochEnded] = field(default_factory=list)
    told: Score = field(default_factory=Score)

    @classmethod
    def from_json(cls, data: object, steps: int) -> Progress:
        """The inverse of dataclasses.asdict, in a run of so many steps an epoch. Raises KitnetError."""
        told = dict(_fields(cls, data, "progress"))
        score, rows = _numbers(Score, told.pop("score"), "score"), told.pop("rows")
        before = told.pop("told")
        before = _numbers(Score, before, "told") if before else score
        if not isinstance(rows, list):
            raise KitnetError("its rows are no list")
        progress = cls(
            score=Score(**score),
            told=Score(**before),
            rows=[EpochEnded(**_numbers(EpochEnded, row, "row")) for row in rows],
            **{name: _number(cls, name, value) for name, value in told.items()},
        )
        if progress.step >= steps:
            raise KitnetError(f"step {progress.step} of an epoch of {steps} steps")
        if [row.epoch for row in progress.rows] != [*range(1, progress.epoch + 1)]:
            raise KitnetError(f"its rows are not those of {progress.epoch} epochs")
        samples = progress.score.samples
        if (progress.score.correct or 0) > samples or (samples > 0) != (progress.step > 0):
            raise KitnetError(f"a score of {samples} samples after {progress.step} steps")
        if progress.told.samples > samples:
            raise KitnetError(f"{progress.told.samples} samples were told of, of {samples}")
        return progress


@dataclass(frozen=True)
class Training:
    """What a checkpoint is of: a network and the rule that changes it with the rule's memory, in at
    most so many `steps` an epoch, on `data` of this digest; `settings` are those that decide the bits."""

    net: Net
    rule: Rule
    memory: Mapping[str, Weights]
    steps: int
    data: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def save_checkpoint(path: Path, training: Training, progress: Progress) -> None:
    """Write the checkpoint, whole. Raises RunError."""
    CHECKPOINT.write(
        path,
        {
            **network_parts(training.net),
            "rule": Part(_rule(training.rule), _memory(training.memory)),
            "trainer": Part(dataclasses.asdict(progress)),
            "data": Part(training.data),
            "settings": Part(dict(training.settings)),
        },
    )


def load_checkpoint(path: Path, training: Training) -> Progress:
    """Fill the network and the memory of the rule. Raises RunError, with nothing changed, for a file that is
    not theirs, and ChangedError where its settings are others."""
    net = training.net
    try:
        with opened(path) as file:
            old = OLD.get(file.metadata.get(FORMAT, ""))
            if old is not None:
                raise KitnetError(f"{path}: a checkpoint of format {old}, which cannot be resumed")
            parts = CHECKPOINT.read(file)
    except KitnetError as error:
        raise RunError(str(error)) from None
    try:
        if json.dumps(parts["graph"].data) != json.dumps(graph_data(net)):
            raise KitnetError("it belongs to another network")
        _check_settings(path.parent, training.settings, parts["settings"].data if "settings" in parts else {})
        weights, state = parts["weights"].arrays, parts["state"].arrays
        check_network_arrays(net.graph, weights, state)
        kept, views = parts["rule"], _memory(training.memory)
        _check_rule(training.rule, kept.data)
        check_arrays({name: (view.shape, "float32") for name, view in views.items()}, kept.arrays)
        progress = Progress.from_json(parts["trainer"].data, training.steps)
        if parts["data"].data != training.data:
            raise KitnetError("its data are not those of now")
    except ChangedError:
        raise
    except KitnetError as error:
        raise RunError(f"{path}: not a checkpoint of this run ({error})") from None
    fill(net, weights, state)
    for name, view in views.items():
        view[...] = kept.arrays[name]
    return progress


def _check_settings(folder: Path, now: Mapping[str, Any], kept: object) -> None:
    """Raises ChangedError for a setting of now that is not as it was kept."""
    if not isinstance(kept, dict):
        raise KitnetError("its settings are no mapping")
    for name, value in now.items():
        before = kept.get(name, value)
        if before != value:
            raise ChangedError(
                f"{folder}: args.toml says {_said(name, value)}, but the run began with "
                f"{_said(name, before)}; put that back, or begin a new run"
            )


def _said(name: str, value: object) -> str:
    return f"no {name}" if value is None else f"{name} {value}"


def _rule(rule: Rule) -> dict[str, Any]:
    """The rule's word and its numbers by name, of a learning rate that changes the schedule: for a reader,
    since a run goes on as its arguments say."""
    return {"word": _word(rule), **{name: _told(value) for name, value in _numbers_of(rule).items()}}


def _told(value: object) -> Any:
    if isinstance(value, Rule):
        return _rule(value)
    return float(value) if isinstance(value, int | float) else str(value)


def _numbers_of(rule: Rule) -> dict[str, Any]:
    """The fields of a rule, the rule within one among them."""
    return {one.name: getattr(rule, one.name) for one in dataclasses.fields(rule)}  # type: ignore[arg-type]


def _check_rule(rule: Rule, data: object) -> None:
    """Raises KitnetError for data that are not those of a rule of this kind, whatever its numbers."""
    if not isinstance(data, dict) or data.get("word") != _word(rule):
        raise KitnetError("it belongs to another update rule")
    fields = _numbers_of(rule)
    if data.keys() != {"word", *fields}:
        raise KitnetError(f"its rule needs {', '.join(sorted(fields))}")
    for name, value in data.items():
        if isinstance(fields.get(name), Rule):
            _check_rule(fields[name], value)
        elif type(value) is not str and not (type(value) is float and math.isfinite(value)):
            raise KitnetError(f"{name} is not a number in its range, or a text")


def _word(rule: Rule) -> str:
    return type(rule).__name__.lower()


def _memory(memory: Mapping[str, Weights]) -> dict[str, Array]:
    """The memory's arrays by name and path: `velocity/conv1.weight`."""
    return {f"{name}/{path}": view for name, held in memory.items() for path, view in held.items()}


def _fields(kind: type, data: object, what: str) -> dict[str, Any]:
    """The fields of a dataclass, all of them and no others."""
    names = {one.name for one in dataclasses.fields(kind)}
    if isinstance(data, dict):
        data = {**{name: {} for name in LATER if name in names}, **data}
    if not isinstance(data, dict) or data.keys() != names:
        raise KitnetError(f"its {what} needs {', '.join(sorted(names.difference(LATER)))}")
    return data


def _numbers(kind: type, data: object, what: str) -> dict[str, Any]:
    return {name: _number(kind, name, value) for name, value in _fields(kind, data, what).items()}


def _number(kind: type, name: str, value: Any) -> Any:
    """A field's value, where it can be one: whole where the field is an int, otherwise finite, and negative
    for losses alone; of fields that may be None also that, and of those that hold several all of them."""
    told = {one.name: str(one.type) for one in dataclasses.fields(kind)}[name]
    if value is None and told.endswith(" | None"):
        return None
    if told == "dict[str, float]":
        if not isinstance(value, dict) or not all(_is_finite(one) for one in value.values()):
            raise KitnetError(f"{name} is not a mapping to numbers in their range")
        return value
    whole = told.startswith("int")
    most = MOST if whole else sys.float_info.max
    least = -most if "loss" in name else 0
    if type(value) is not (int if whole else float) or not least <= value <= most:
        raise KitnetError(f"{name} is not {'a whole number' if whole else 'a number'} in its range")
    return value


def _is_finite(value: object) -> bool:
    return type(value) is float and math.isfinite(value)
