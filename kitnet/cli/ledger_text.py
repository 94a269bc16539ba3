"""What is said under the ledger: the sums of each kind, where parameters and values sit, and the memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kitnet.cli.screen import Column, print_table, say_bytes, say_wrapped
from kitnet.net.ledger import Ledger, Row

KINDS = (
    Column("kind"),
    *(Column(name, right=True) for name in ("layers", "values", "parameters", "multiply-adds")),
)
LARGE = 0.1  # share of the parameters of a layer that is told


def total_of(ledger: Ledger) -> Row:
    """The totals as a row."""
    return Row("total", kind="", output=()).holding(ledger.totals)


def kinds_of(ledger: Ledger) -> list[list[str]]:
    """The cells of a table of the sums by kind, largest first."""
    sums = sorted(ledger.by_kind.items(), key=lambda kind: -kind[1]["parameters"])
    names = ("layers", "values", "parameters", "multiply_adds")
    return [[kind, *(f"{total[name]:,}" if total[name] else "" for name in names)] for kind, total in sums]


def say_where(ledger: Ledger) -> None:
    print_table(KINDS, kinds_of(ledger))
    for text in where(ledger):
        say_wrapped(text)


def where(ledger: Ledger) -> Iterator[str]:
    """Which layer has many of the parameters, and how many of the first ones hold half of the values."""
    total = ledger.totals
    largest = max(ledger.rows, key=lambda row: row.parameters)
    share = largest.parameters / max(total["parameters"], 1)
    if share >= LARGE:
        yield (
            f"{largest.path} has {share:.0%} of the parameters: {largest.parameters:,} of "
            f"{total['parameters']:,}"
        )
    listed = [row for row in (*ledger.operands, *ledger.rows) if row.values]
    held = 0
    for i, row in enumerate(listed, 1):
        held += row.values
        if 2 * held >= total["values"]:
            part = f"{held / total['values']:.0%} of the values of an image"
            yield (
                f"the first {i} of {len(listed)} volumes, up to {row.path}, hold {part}: {held:,} of "
                f"{total['values']:,}"
            )
            return


def say_memory(ledger: Ledger, optimizer: str) -> None:
    images = "one image" if ledger.batch == 1 else f"{ledger.batch:,} images"
    say_wrapped(
        f"a training step of {images} takes {_said(ledger.training_memory)} (optimizer {optimizer}, "
        f"{ledger.dtype})"
    )
    say_wrapped(f"scores of {images} take {_said(ledger.inference_memory)}")


def _said(memory: Mapping[str, int]) -> str:
    parts = ", ".join(f"{what} {say_bytes(size)}" for what, size in memory.items() if size)
    return f"{say_bytes(sum(memory.values()))}: {parts}"
