"""`kitnet show --html`: the ledger as one page that needs nothing besides itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from kitnet.cli.columns import Cell, cells
from kitnet.cli.ledger_text import KINDS, kinds_of, total_of, where
from kitnet.cli.screen import Column, say_bytes
from kitnet.net import Net
from kitnet.net.ledger import Ledger, Row
from kitnet.zoo import Card

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222; }
code { font-size: 13px; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; }
th, td { padding: .15em .7em; text-align: left; white-space: nowrap; border-bottom: 1px solid #ddd; }
th { background: #f4f4f4; } .right { text-align: right; } .total { font-weight: bold; }
.bar { background: #4a7ab5; height: .8em; display: inline-block; }
"""


def page(
    model: str,
    net: Net,
    card: Card | None,
    ledger: Ledger,
    rows: Sequence[Row],
    columns: Sequence[tuple[Column, Cell]],
) -> str:
    """The whole document."""
    title = card.title if card else model
    images = "one image" if ledger.batch == 1 else f"{ledger.batch:,} images"
    table = cells(columns, [*rows, total_of(ledger)])
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p><code>{escape(str(net))}</code></p>",
        *_table([column for column, _ in columns], table, total=True),
        *(f"<p>{escape(text)}</p>" for text in where(ledger)),
        "<h2>By kind</h2>",
        *_table(KINDS, kinds_of(ledger)),
        f"<h2>Memory of a training step of {images}</h2>",
        *_bars(ledger.training_memory),
        f"<h2>Memory of the scores of {images}</h2>",
        *_bars(ledger.inference_memory),
        *(_about(card) if card else ()),
        "</body></html>",
    ]
    return "\n".join(parts)


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]], total: bool = False) -> Iterator[str]:
    kinds = [' class="right"' if column.right else "" for column in columns]
    yield '<div class="wide"><table>'
    names = zip(kinds, columns, strict=True)
    yield f"<tr>{''.join(f'<th{kind}>{escape(column.name)}</th>' for kind, column in names)}</tr>"
    for row in rows:
        last = ' class="total"' if total and row is rows[-1] else ""
        texts = zip(kinds, row, strict=True)
        yield f"<tr{last}>{''.join(f'<td{kind}>{escape(text)}</td>' for kind, text in texts)}</tr>"
    yield "</table></div>"


def _bars(memory: Mapping[str, int]) -> Iterator[str]:
    total = sum(memory.values())
    yield "<table>"
    for what, size in (*memory.items(), ("total", total)):
        bar = f'<span class="bar" style="width:{20 * size / max(total, 1):.2f}em"></span>'
        number = f'<td class="right">{escape(say_bytes(size))}</td>'
        yield f"<tr><td>{escape(what)}</td>{number}<td>{bar}</td></tr>"
    yield "</table>"


def _about(card: Card) -> Iterator[str]:
    yield f"<h2>Source</h2><p>{escape(card.source)}</p>"
    if card.differences:
        yield f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in card.differences)}</ul>"
