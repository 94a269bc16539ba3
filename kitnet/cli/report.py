"""`kitnet report`: training runs on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.cli.screen import busy, remark, say, show_compiling
from kitnet.files import write_whole
from kitnet.look import Record, draw, examine, names_of, report

PAGE = Path("report.html")


def command(
    run: Annotated[Path, Parameter(help="A run folder, such as runs/latest.")],
    /,
    *others: Annotated[Path, Parameter(help="More run folders, to be compared with it.")],
    output: Annotated[Path, Parameter(name=["-o", "--output"], help="The file to write.")] = PAGE,
    pictures: bool = False,
) -> None:
    """One HTML page about training runs, which needs nothing besides itself: settings that differ, curves,
    and of each run the classes, the worst mistakes and the filters of the first layer.

    Parameters
    ----------
    pictures
        Draw curves, confusion matrix, mistakes and filters into each run folder, too; needs matplotlib.
    """
    records = [Record.read(path) for path in (run, *others)]
    if output.is_dir():
        raise KitnetError(f"{output}: it is a folder; give the name of a file, such as -o report.html")
    examined = []
    for record, name in zip(records, names_of(records), strict=True):
        with busy(f"judging the test part of {name}"):
            examined.append(examine(record, show_compiling))
        if examined[-1].reason:
            remark(f"{name}: its test part could not be judged: {examined[-1].reason}")
        if pictures:
            draw(examined[-1])
    write_whole(output, report(examined))
    say(f"{output}: {'1 run' if len(records) == 1 else f'{len(records)} runs'}")
