"""Training runs on one page: what differs, curves over one another, classes, mistakes, filters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from kitnet.base.error import KitnetError, cut
from kitnet.base.html import table, text
from kitnet.base.spec import Array
from kitnet.look.confusion import class_scores, confusions, matrix
from kitnet.look.curves import COLOURS, Curve, chart, curves
from kitnet.look.filters import Filters, first_filters, grid
from kitnet.look.judgement import judged
from kitnet.look.mistakes import SHOWN, worst
from kitnet.look.page import document, figure, folded, image, paragraph, shaded
from kitnet.look.reconstructions import Reconstructions, pairs, sheet
from kitnet.look.record import Record
from kitnet.train import Judgement, Model

MOST_CLASSES = 20  # of a matrix of counts
MOST_PAIRS = 10  # of classes that are confused
FILTER_SIDE, SHEET_SIDE = 24, 48  # pixels of the screen, about
OWN = ("runs", "name")  # settings that say where a run lies
RESULTS = {
    "epochs": "epochs",
    "best_epoch": "best epoch",
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "test_loss": "test loss",
    "test_accuracy": "test accuracy",
    "val_elbo": "validation evidence lower bound, nats an image",
    "test_elbo": "test evidence lower bound, nats an image",
    "parameters": "parameters",
    "seconds": "seconds",
    "images_per_second": "images/s",
}  # of summary.json


@dataclass(frozen=True)
class Examined:
    """A run with its best model and the judgement of its test part, or the reason why they are not there."""

    record: Record
    model: Model | None = None
    judgement: Judgement | None = None
    reason: str = ""
    reconstructions: Reconstructions | None = None  # of a network that gives its input


def examine(
    record: Record, compiling: Callable[[int, int], None] | None = None, judgement: Judgement | None = None
) -> Examined:
    """What the best model of a run says of its test part, unless that judgement is given."""
    try:
        if judgement is not None:
            return Examined(record, Model.load(record.path), judgement)
        model, found = judged(record, compiling)
    except KitnetError as error:
        return Examined(record, reason=str(error))
    if isinstance(found, Reconstructions):
        return Examined(record, model, reconstructions=found)
    return Examined(
        record, model, found, "" if found else "its data have neither a test nor a validation part"
    )


def report(runs: Sequence[Examined]) -> str:
    """The page, which needs nothing besides itself."""
    records = [run.record for run in runs]
    names = names_of(records)
    return document(
        f"Training of {', '.join(names)}" if len(names) < 4 else f"{len(names)} training runs",
        [
            *_results(records, names),
            *_settings(records, names),
            *_curves(records, names),
            *(part for run, name in zip(runs, names, strict=True) for part in _run(run, name)),
        ],
    )


def names_of(records: Sequence[Record]) -> list[str]:
    """What the runs are called: their folders' names, or whole paths where two have one name."""
    seen = Counter(record.name for record in records)
    return [record.name if seen[record.name] == 1 else str(record.path) for record in records]


def differing(records: Sequence[Record]) -> dict[str, list[Any]]:
    """The settings that are not the same in all runs: a value a run."""
    told = [asdict(record.settings) for record in records]
    columns = {name: [each[name] for each in told] for name in told[0] if name not in OWN}
    return {name: values for name, values in columns.items() if any(v != values[0] for v in values)}


def alike(records: Sequence[Record]) -> dict[str, Any]:
    """The settings that are given and the same in all runs, by name."""
    other = differing(records)
    told = asdict(records[0].settings).items()
    return {name: value for name, value in told if name not in (*OWN, *other) and value is not None}


def _results(records: Sequence[Record], names: Sequence[str]) -> Iterator[str]:
    yield "<h2>Results</h2>"
    rows = [
        [title, *(_say(name, record.summary.get(name)) for record in records)]
        for name, title in RESULTS.items()
        if any(record.summary.get(name) is not None for record in records)
    ]
    if rows:
        yield table(["", *names], rows)
    for record, name in zip(records, names, strict=True):
        if not record.summary:
            n = len(record.epochs)
            done = f"{n} epochs are" if n > 1 else "1 epoch is" if n else "no epoch is"
            yield paragraph(f"{name} has not ended: {done} done.", "note")


def _settings(records: Sequence[Record], names: Sequence[str]) -> Iterator[str]:
    found = differing(records)
    if len(records) > 1:
        yield "<h2>Settings that differ</h2>"
        if found:
            yield table(
                ["", *names], [[flag(n), *map(given, row)] for n, row in found.items()], len(names) + 1
            )
        else:
            yield paragraph("None: the runs were told the same.")
    title = "Settings that are the same" if len(records) > 1 else "Settings"
    yield folded(title, table(["", ""], [[flag(n), given(v)] for n, v in alike(records).items()], 2))


def _curves(records: Sequence[Record], names: Sequence[str]) -> Iterator[str]:
    drawn = {what: curves(records, names, what) for what in ("loss", "accuracy")}
    if not any(drawn.values()):
        return
    yield '<h2>Curves</h2><div class="charts">'
    for what, some in drawn.items():
        if not some:
            continue
        yield figure(chart(some, what, percent=what == "accuracy"), f"{what} over epochs")
    yield "</div><p>"
    yield from map(_key, drawn["loss"] or drawn["accuracy"])
    yield "</p>"


def _key(curve: Curve) -> str:
    kind = f"key c{curve.number % COLOURS}{' dashed' if curve.dashed else ''}"
    return f'<span class="label"><span class="{kind}"></span>{text(curve.label)}</span>'


def _run(run: Examined, name: str) -> Iterator[str]:
    yield f"<h2>{text(name)}</h2>"
    yield f"<p><code>{text(run.record.summary.get('network', run.record.settings.model))}</code></p>"
    if run.reason:
        yield paragraph(f"Its test part could not be judged: {run.reason}.", "note")
    if run.judgement is not None:
        yield from _classes(run.judgement)
        yield from _mistakes(run.judgement)
    if run.reconstructions is not None:
        yield from _reconstructions(run.reconstructions)
    filters = None if run.model is None else first_filters(run.model.net)
    if filters is not None:
        yield from _filters(filters)


def _classes(judgement: Judgement) -> Iterator[str]:
    labels, predicted, classes = judgement.labels, judgement.predicted, judgement.classes
    names = [cut(name) for name in classes]
    right = int((labels == predicted).sum())
    yield paragraph(
        f"The best model on the {judgement.part} part of {judgement.source.name}: {right:,} of "
        f"{len(labels):,} images right, {judgement.accuracy:.2%}; loss {judgement.losses.mean():.4f}."
    )
    rows = [
        [name, _share(score.precision), _share(score.recall), f"{score.support:,}"]
        for name, score in zip(names, class_scores(labels, predicted, classes), strict=True)
    ]
    each = table(["class", "precision", "recall", "support"], rows)
    if len(classes) > MOST_CLASSES:
        yield folded(f"{len(classes):,} classes", each)
    else:
        yield "<h3>Classes</h3>"
        yield each
        yield "<h3>Confusion matrix</h3>"
        yield shaded("class ↓ taken for →", names, matrix(labels, predicted, len(classes)))
    pairs = confusions(labels, predicted)[:MOST_PAIRS]
    if pairs:
        yield "<h3>Most often confused</h3>"
        rows = [[names[pair.label], names[pair.predicted], f"{pair.images:,}"] for pair in pairs]
        yield table(["class", "taken for", "images"], rows, 2)


def _mistakes(judgement: Judgement) -> Iterator[str]:
    found = worst(judgement, SHOWN)
    yield "<h3>Worst mistakes</h3>"
    if not found:
        yield paragraph("None: every image is right.")
        return
    yield paragraph("Of the images that are wrong, those with the largest loss.", "note")
    yield '<div class="sheet">'
    for each in found:
        caption = f"{cut(each.label)} taken for {cut(each.predicted)}, {each.confidence:.1%} sure"
        yield figure(image(each.image, each.called), f"{caption} ({PurePath(each.called).name})")
    yield "</div>"


def _reconstructions(found: Reconstructions) -> Iterator[str]:
    parts = ", ".join(f"{name} {value:.4g}" for name, value in found.score.parts.items())
    yield paragraph(
        f"The best model on the {found.part} part of {found.source.name}, {found.score.samples:,} images: "
        f"loss {found.score.loss:.4f}{f' ({parts})' if parts else ''}."
    )
    if found.images is not None and found.made is not None:
        yield "<h3>Reconstructions</h3>"
        both = pairs(found.images, found.made)
        yield figure(
            image(both, "images and reconstructions", _enlarged(both, found.images)),
            "Under each image what the network makes of it.",
        )
    if found.drawn is not None:
        yield "<h3>Drawn</h3>"
        drawn = sheet(found.drawn)
        caption = "What the decoder makes of codes from the standard normal prior."
        yield figure(image(drawn, "drawn images", _enlarged(drawn, found.drawn)), caption)


def _enlarged(whole: Array, images: Array) -> int:
    """The width on the screen of a sheet of images."""
    return whole.shape[1] * max(1, round(SHEET_SIDE / images.shape[1]))


def _filters(filters: Filters) -> Iterator[str]:
    n, _, side, _ = filters.images.shape
    sheet = grid(filters.images)
    enlarged = max(1, round(FILTER_SIDE / side))
    yield f"<h3>Filters of {text(filters.path)}</h3>"
    about = f"Grey is a weight of 0, black and white are -{filters.largest:.3g} and {filters.largest:.3g}."
    more = f" {filters.left_out:,} more are not shown." if filters.left_out else ""
    yield figure(image(sheet, f"{n} filters", sheet.shape[1] * enlarged), about + more)


def flag(name: str) -> str:
    """A setting as the command line writes it."""
    return name if name == "model" else "--" + name.replace("_", "-")


def given(value: object) -> str:
    """A setting as it is told."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _say(name: str, value: object) -> str:
    """A number of a summary."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "" if value is None else cut(str(value))
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    if isinstance(value, int):
        return f"{value:,}"
    if name.endswith("loss"):
        return f"{value:.4f}"
    return f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"
