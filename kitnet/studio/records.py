"""The runs of a folder as a page shows them: a list, curves over each other, what differs, one that is
judged. All numbers are those of `kitnet.look`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kitnet.base.error import KitnetError, shorten
from kitnet.files.lock import is_locked
from kitnet.look import Record, class_scores, confusions, curves, examine, names_of
from kitnet.look.report import MOST_PAIRS, RESULTS, alike, differing, flag, given
from kitnet.studio.background import Progress
from kitnet.studio.judged import judged
from kitnet.train.folder import ARGUMENTS
from kitnet.train.model_file import BEST
from kitnet.train.recipe import USUAL_DATA

MOST_LISTED = 500
MOST_COMPARED = 6  # as many as have a colour of their own
MISTAKES = 24


def folders(runs: Path) -> dict[str, Path]:
    """The run folders in a folder by their names, the newest first; links such as `latest` are left out."""
    if not runs.is_dir():
        return {}
    found = [path for path in runs.iterdir() if not path.is_symlink() and (path / ARGUMENTS).is_file()]
    found.sort(key=lambda path: (path / ARGUMENTS).stat().st_mtime, reverse=True)
    return {path.name: path for path in found}


def find(runs: Path, name: str) -> Path:
    """The run folder of this name. Raises KitnetError."""
    path = folders(runs).get(name)
    if path is None:
        raise KitnetError(f"{runs} has no run {shorten(name)} any more; list the runs again")
    return path


def listed(runs: Path, here: Path | None) -> dict[str, Any]:
    """The runs of a folder; `here` is the one that this studio trains."""
    found = folders(runs)
    own = here and here.resolve()
    rows = [_row(path, path.resolve() == own) for path in list(found.values())[:MOST_LISTED]]
    return {"folder": str(runs), "runs": rows, "left_out": len(found) - len(rows)}


def _row(path: Path, here: bool) -> dict[str, Any]:
    try:
        record = Record.read(path)
    except KitnetError as error:
        return {"name": path.name, "broken": str(error)}
    best, settings = record.best, record.settings
    state = "ended" if record.summary else "here" if here else "elsewhere" if is_locked(path) else "stopped"
    return {
        "name": path.name,
        "here": here,
        "network": record.summary.get("network", settings.model),
        "data": settings.data or USUAL_DATA,
        "state": state,
        "epochs": len(record.epochs),
        "of": settings.epochs,
        "part": None if best is None else best[0],
        "best": None if best is None else best[1],
        "test": record.summary.get("test_accuracy"),
    }


def compared(runs: Path, names: Sequence[str]) -> dict[str, Any]:
    """Curves over epochs of some runs, what became of them, and the settings that differ and that do not."""
    if not 1 <= len(names) <= MOST_COMPARED:
        raise KitnetError(f"1 to {MOST_COMPARED} runs are compared, not {len(names)}")
    records = [Record.read(find(runs, name)) for name in names]
    called = names_of(records)
    results = {name: [record.summary.get(name) for record in records] for name in RESULTS}
    return {
        "names": called,
        "held_out": [record.held_out for record in records],
        "curves": {
            what: [one._asdict() for one in curves(records, called, what)] for what in ("loss", "accuracy")
        },
        "results": {name: row for name, row in results.items() if any(value is not None for value in row)},
        "differing": [[flag(name), *map(given, row)] for name, row in differing(records).items()],
        "alike": [[flag(name), given(value)] for name, value in alike(records).items()],
    }


def stamp(folder: Path) -> tuple[str, float]:
    """Another one when the best model of a run is."""
    best = folder / BEST
    return str(folder), best.stat().st_mtime if best.is_file() else 0.0


def examined(folder: Path, progress: Progress) -> dict[str, Any]:
    """What the best model of a run says of the part that it has not learned from. Raises KitnetError."""
    found = examine(Record.read(folder), progress)
    judgement = found.judgement
    if judgement is None:
        raise KitnetError(found.reason or "this run gives its input; see it with kitnet report")
    scores = class_scores(judgement.labels, judgement.predicted, judgement.classes)
    pairs = confusions(judgement.labels, judgement.predicted)[:MOST_PAIRS]
    classes = judgement.classes
    return {
        "part": judgement.part,
        "classes": list(classes),
        "judged": judged(judgement, MISTAKES),
        "scores": [[one.name, one.precision, one.recall, one.support] for one in scores],
        "confused": [[classes[one.label], classes[one.predicted], one.images] for one in pairs],
    }
