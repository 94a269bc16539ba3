"""Curves over epochs, as data and as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from kitnet.look.record import Column, Record

PARTS = {"train": "training", "val": "validation", "test": "test"}
COLOURS = 8  # classes c0 to c7 of a page's style; more runs take them in turn
WIDTH, HEIGHT = 360, 230  # of a chart's coordinates, so that its letters are readable on a small screen
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 26  # margins
CLOSE = 1e-9  # relative difference below which values are drawn as one
TICKS = 5  # on an axis, about
MOST_DOTS = 60  # points of a curve that has a dot at each


class Curve(NamedTuple):
    """Values over epochs, None where there is none. `number` is that of its run."""

    label: str
    number: int
    dashed: bool
    epochs: Column
    values: Column


def curves(records: Sequence[Record], names: Sequence[str], what: str) -> list[Curve]:
    """The curves of `loss` or `accuracy`: for each run, by its name, the training part (dashed) and the part
    that each epoch was judged on."""
    found = []
    for number, (record, name) in enumerate(zip(records, names, strict=True)):
        for part in ("train", record.held_out):
            values = record.column(f"{part}_{what}")
            if values:
                label = f"{name}, {PARTS[part]}"
                found.append(Curve(label, number, part == "train", record.epochs, values))
    return found


class Axis(NamedTuple):
    """Numbers from `first` to `last` lie from `begin` to `end` in a chart; `ticks` are round ones."""

    first: float
    last: float
    begin: float
    end: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        share = (value - self.first) / (self.last - self.first)
        return self.begin + share * (self.end - self.begin)


def chart(drawn: Sequence[Curve], title: str, percent: bool = False) -> str:
    """An SVG element; its colours are classes of the page, and every dot tells its numbers."""
    points = [pair for curve in drawn for pair in _points(curve)]
    if not points:
        return ""
    x = axis([epoch for epoch, _ in points], LEFT, WIDTH - RIGHT, whole=True)
    y = axis([value for _, value in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)} over epochs">',
        *_grid(x, y, percent),
        *(part for curve in drawn for part in _curve(curve, x, y, percent)),
        "</svg>",
    ]
    return "".join(parts)


def axis(values: Iterable[float], begin: float, end: float, whole: bool = False) -> Axis:
    """An axis of all values, with ticks at multiples of 1, 2 or 5 times a power of 10."""
    values = list(values)
    first, last = min(values), max(values)
    size = max(abs(first), abs(last))
    if last - first <= CLOSE * size + CLOSE**9:
        margin = 1.0 if whole else size / 10 + CLOSE
        first, last = first - margin, last + margin
    step = round_step((last - first) / TICKS)
    step = max(1.0, step) if whole else step
    ticks = tuple(i * step for i in range(math.ceil(first / step), math.floor(last / step) + 1))
    return Axis(first, last, begin, end, ticks)


def round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of 10 that is at least so large."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def say_number(value: float, percent: bool) -> str:
    return f"{100 * value:.6g} %" if percent else f"{value:.6g}"


def _points(curve: Curve) -> list[tuple[float, float]]:
    return [
        (epoch, value)
        for epoch, value in zip(curve.epochs, curve.values, strict=True)
        if epoch is not None and value is not None
    ]


def _grid(x: Axis, y: Axis, percent: bool) -> Iterator[str]:
    for tick in y.ticks:
        at = f"{y.place(tick):.2f}"
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>'
        yield f'<text class="y" x="{LEFT - 5}" y="{at}" dy=".32em">{say_number(tick, percent)}</text>'
    for tick in x.ticks:
        yield f'<text class="x" x="{x.place(tick):.2f}" y="{HEIGHT - BOTTOM + 15}">{tick:.0f}</text>'


def _curve(curve: Curve, x: Axis, y: Axis, percent: bool) -> Iterator[str]:
    points = _points(curve)
    kind = f"c{curve.number % COLOURS}{' dashed' if curve.dashed else ''}"
    places = [(f"{x.place(epoch):.2f}", f"{y.place(value):.2f}") for epoch, value in points]
    yield f'<polyline class="{kind}" points="{" ".join(f"{a},{b}" for a, b in places)}"/>'
    if len(points) > MOST_DOTS:
        return
    for (a, b), (epoch, value) in zip(places, points, strict=True):
        told = f"{curve.label}, epoch {epoch:.0f}: {say_number(value, percent)}"
        yield f'<circle class="{kind}" cx="{a}" cy="{b}" r="2"><title>{escape(told)}</title></circle>'
