"""`kitnet lab`: one layer by every algorithm, its instructions, and worked examples."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kitnet.base.argument import batch_size, thread_count
from kitnet.base.error import KitnetError, cut
from kitnet.cli.flags import Json, Threads, Whole
from kitnet.cli.screen import Column, busy, print_json, print_table, say, say_wrapped, write_over
from kitnet.net.language import read_volume
from kitnet.net.sizing import said_of_rank

if TYPE_CHECKING:
    from kitnet.lab import Comparison, Instructions, Row

COLUMNS = (
    Column("algorithm"),
    Column("ms", right=True),
    Column("of best", right=True, spare=2),
    Column("GFLOP/s", right=True),
    Column("values", right=True, spare=1),
    Column("error", right=True),
)
Line = Annotated[str | None, Parameter(help="A volume and a layer, such as '28x28x128 conv3-128 same'.")]
Example = Annotated[
    list[str] | None,
    Parameter(
        help="Print the worked example of a row of the catalogue step by step; without a row, list them.",
        consume_multiple=True,
    ),
]


def command(
    line: Line = None,
    /,
    *,
    batch: Whole = 1,
    threads: Threads = None,
    plot: str | None = None,
    code: bool = False,
    example: Example = None,
    json: Json = False,
) -> None:
    """One convolution or pool by every algorithm, forward and back: time, speed, memory, error, the winner.

    Algorithms take turns; `ms` is the median. GFLOP/s count the operations of the definition, whatever an
    algorithm really does. Values are the float32 numbers that it needs beyond operands and result. Errors are
    the largest difference from float64, as a share of the largest number. Products of NumPy take as many
    threads as its BLAS does.

    Parameters
    ----------
    batch
        Images at once.
    plot
        Save a chart in this file as well; it needs matplotlib.
    code
        Print the instructions of the innermost loop of the kernel that the engine chooses, or of the whole
        kernel where it has none, instead.
    """
    if example is not None:
        if line is not None or plot is not None or code or batch != 1 or threads is not None:
            raise KitnetError("--example takes a row and --json alone; leave the rest out")
        _examples(example, json)
        return
    batch_size(batch, "--batch")
    thread_count(threads, "--threads")
    if line is None:
        raise KitnetError("lab takes a volume and a layer, as in: kitnet lab '28x28x128 conv3-128 same'")
    if code:
        if plot is not None:
            raise KitnetError("--code measures nothing that --plot could show; leave one of the two out")
        from kitnet.lab import instructions

        found = instructions(line, batch, threads=threads)
        print_json(found.to_json()) if json else _say_instructions(found)
        return
    from kitnet.lab import check_chart, compare, save_chart

    if plot is not None:
        check_chart(plot)
    with busy(f"running {cut(line)} by every algorithm, forward and back; it takes some 10 to 40 seconds"):
        measured = compare(line, batch, threads=threads, progress=write_over)
    if plot is not None:
        save_chart(measured, plot)
    print_json(measured.to_json()) if json else _say_comparison(measured)


def _examples(rows: list[str], json: bool) -> None:
    from kitnet.lab import example, examples

    if len(rows) > 1:
        raise KitnetError("--example takes one row; give the others in further calls")
    if rows:
        found = example(rows[0])
        if json:
            print_json(found.to_json())
        else:
            for text in found.lines:
                say_wrapped(text)
    elif json:
        print_json(examples())
    else:
        print_table(
            (Column("row", right=True), Column("example")), [[str(k), v] for k, v in examples().items()]
        )


def _say_comparison(found: Comparison) -> None:
    images = "1 image" if found.batch == 1 else f"{found.batch} images"
    say_wrapped(f"{found.line}, {images}, threads: {found.threads}")
    _say_rank(found.line)
    say_wrapped(found.processor)
    if found.multiplications:
        counts = "; ".join(f"{name} {count:,}" for name, count in found.multiplications.items())
        say_wrapped(f"Multiplications forward: {counts}")
    for which, rows in found.rows.items():
        able = sorted((row for row in rows if row.reason is None), key=lambda row: row.seconds)
        best = found.winner(which)
        say("")
        title = {"forward": "Forward", "data": "Gradient of the data", "weights": "Gradient of the weights"}
        say(title[which], len(title[which]))
        print_table(COLUMNS, [_cells(row, best) for row in rows if row in able])
        reasons = defaultdict(list)
        for row in rows:
            if row.reason is not None:
                reasons[row.reason].append(row.name)
        for reason, names in reasons.items():
            say_wrapped(f"- {', '.join(names)}: {reason}")
        faster = [f", {_digits(row.seconds / best.seconds)} times as fast as {row.name}" for row in able[1:2]]
        say_wrapped(f"The winner is {best.name} ({best.sentence}){''.join(faster)}.")
    say("")
    if any(row.share < 1 for rows in found.rows.values() for row in rows):
        say_wrapped("The loops computed only a part of a result; their time is scaled to the whole.")
    if found.batch < found.lanes:
        filled = "1 is" if found.batch == 1 else f"{found.batch} are"
        say_wrapped(f"Of the {found.lanes} lanes that .images algorithms fill with images, {filled} filled.")


def _say_rank(line: str) -> None:
    """Of an input that was perhaps meant otherwise."""
    text = said_of_rank(read_volume(line.partition(" -> ")[0]))
    if text:
        say_wrapped(text)


def _cells(row: Row, best: Row) -> list[str]:
    return [
        row.name,
        _digits(1000 * row.seconds),
        _digits(row.seconds / best.seconds),
        _digits(row.gflops),
        f"{row.values:,}",
        f"{row.relative_error:.1e}",
    ]


def _digits(value: float) -> str:
    """Three digits or more: 0.012, 1.23, 12.3, 1,234."""
    places = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{places}f}" if value >= 0.001 or value == 0 else f"{value:.1e}"


def _say_instructions(found: Instructions) -> None:
    from kitnet.lab.instructions import count

    say_wrapped(f"{found.line}: {found.implementation}, kernel {found.kernel}")
    _say_rank(found.line)
    say_wrapped(found.processor)
    what = "multiplies and adds" if found.fused == 1 else "multiply and add"
    lines = found.loop or found.whole
    where = "The innermost loop has" if found.loop else "The kernel has no loop, and"
    say_wrapped(f"{where} {count(lines)} instructions, of which {found.fused} {what} whole vectors:")
    say("")
    for line in lines:
        say(line.expandtabs(8))
