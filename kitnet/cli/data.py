"""`kitnet data`: what a data set is made of, and what is wrong with it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from kitnet.base.error import printable
from kitnet.base.shape import say as say_shape
from kitnet.cli.flags import DATA_SETS, Augment, DataDir, Json, Megapixels, Split, Whole
from kitnet.cli.looked import check_png
from kitnet.cli.screen import Column, busy, print_json, print_table, say, say_wrapped
from kitnet.data import Augmentation, load
from kitnet.data.doctor import Contradiction, Duplicate, Part, Report, contact_sheet, examine
from kitnet.files import write_whole

MOST = 5  # sizes, broken pictures and duplicates that are named; --json has all


def command(
    data: Annotated[str, Parameter(help=f"{DATA_SETS}.")],
    /,
    *,
    data_dir: DataDir = None,
    split: Split = None,
    megapixels: Megapixels = None,
    show: Path | None = None,
    augment: Augment = None,
    seed: Whole = 0,
    json: Json = False,
) -> None:
    """What a data set is made of: images of each class, sizes, mean and deviation, broken files, and images
    to validate or test with that are among the training images, too, and images in two classes.

    Parameters
    ----------
    show
        Save a PNG file with the first images of each class, and beside them what --augment makes of them.
    seed
        Of the augmentation.
    """
    augmentation = Augmentation.parse(augment or "")
    if show is not None:
        check_png("--show", show)
    with busy("looking at every image") as count:
        parts = load(data, data_dir, split, megapixels=megapixels, needs_test=False)
        report = examine(parts, count)
    if show is not None:
        _save(show, contact_sheet(parts.train, augmentation, seed))
    if json:
        print_json(_document(report))
        return
    _print(report)


def _save(path: Path, pixels: Any) -> None:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    write_whole(path, content.getvalue())


def _document(report: Report) -> dict[str, Any]:
    def part(found: Part) -> dict[str, Any]:
        return {
            "images": found.pictures,
            "classes": dict(zip(report.classes, found.classes, strict=True)),
            "sizes": [{"size": list(size), "images": n} for size, n in found.sizes.most_common()],
            "mean": list(found.mean),
            "deviation": list(found.deviation),
            "broken": list(found.broken),
        }

    return {
        "data": report.name,
        **{name: part(found) for name, found in report.parts.items()},
        "empty": list(report.empty),
        "duplicates": [each._asdict() for each in report.duplicates],
        "contradictions": [each._asdict() for each in report.contradictions],
    }


def _print(report: Report) -> None:
    parts = report.parts
    rows = [
        [printable(name), *(f"{part.classes[number]:,}" for part in parts.values())]
        for number, name in enumerate(report.classes)
    ]
    columns = (Column("class"), *(Column(name, right=True) for name in parts))
    print_table(columns, [*rows, ["all", *(f"{part.pictures:,}" for part in parts.values())]], total=True)
    if report.empty:
        say_wrapped(f"No picture in {len(report.empty)} of the classes' folders: {_some(report.empty)}")
    if len(parts) == 1:
        say_wrapped("There is neither a validation nor a test part; training takes one with --split 0.2")
    for name, part in parts.items():
        sizes = [f"{say_shape(size)} ({n:,})" for size, n in part.sizes.most_common()]
        say_wrapped(
            f"{name}: sizes {_some(sizes)}; mean {_numbers(part.mean)}; deviation {_numbers(part.deviation)}"
        )
        if part.broken:
            say(f"{name}: {len(part.broken)} of {part.pictures + len(part.broken)} images are broken:")
            for reason in [*part.broken[:MOST], *_more(part.broken)]:
                say(f"  {reason}")
    for name, part in parts.items():
        _print_contradictions(name, part.pictures, [e for e in report.contradictions if e.part == name])
        if name != "train":
            _print_duplicates(name, part.pictures, [each for each in report.duplicates if each.part == name])


def _print_contradictions(name: str, pictures: int, found: Sequence[Contradiction]) -> None:
    if not found:
        return
    say(f"{len(found)} of {pictures:,} {name} images stand there in another class, too:")
    for text in [*map(_contradiction, found[:MOST]), *_more(found)]:
        say(f"  {text}")


def _contradiction(each: Contradiction) -> str:
    label, other = printable(each.label), printable(each.other_label)
    if each.picture == each.other:
        return f"{each.picture} is listed as {other} and as {label}"
    return f"{each.picture} ({label}) is {each.other} ({other})"


def _print_duplicates(name: str, pictures: int, duplicates: Sequence[Duplicate]) -> None:
    if not duplicates:
        say(f"No {name} image is among the training images.")
        return
    say(f"{len(duplicates)} of {pictures:,} {name} images are among the training images, too:")
    told = [
        f"{each.picture} is {each.train}{'' if each.same_class else ', in another class'}"
        for each in duplicates
    ]
    for text in [*told[:MOST], *_more(told)]:
        say(f"  {text}")


def _some(texts: Sequence[str]) -> str:
    return ", ".join([*texts[:MOST], *_more(texts)])


def _more(texts: Sequence[object]) -> list[str]:
    return [f"and {len(texts) - MOST:,} more"] if len(texts) > MOST else []


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)
