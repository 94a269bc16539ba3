"""Plots and tables of results/*.csv, drawn when the site is built."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "results"
Row = Mapping[str, str]


@dataclass(frozen=True)
class Plot:
    """A file of results/, the column of a bar's length with what it is, and what a bar is called."""

    file: str
    column: str
    unit: str
    named: tuple[str, ...]
    only: Callable[[Row], bool] = lambda row: True
    line: float | None = None  # where one begins to win
    columns: tuple[str, ...] = ()  # of the table below


AGAINST = ("name", "batch", "kitnet", "best", "best_rival", "unit", "ratio", "machine", "commit", "date")
PLOTS = {
    "networks": Plot(
        *("compare.csv", "ratio", "times as fast as the best rival", ("name",)),
        only=lambda row: not row["name"].startswith("conv"),
        line=1,
        columns=AGAINST,
    ),
    "convolutions": Plot(
        *("compare.csv", "ratio", "times as fast as the best rival", ("name",)),
        only=lambda row: row["name"].startswith("conv:"),
        line=1,
        columns=tuple(name for name in AGAINST if name != "batch"),
    ),
    "families": Plot(
        *("families.csv", "ratio", "times as fast as the best rival", ("name",)), line=1, columns=AGAINST
    ),
    "beside": Plot(
        *("beside.csv", "ratio", "times as fast as PyTorch in a whole training", ("recipe",)),
        line=1,
        columns=("recipe", "kitnet_seconds", "torch_seconds", "torch_as", "machine", "commit", "date"),
    ),
    "records": Plot(
        *("records.csv", "mean_accuracy", "test accuracy, mean of the seeds", ("run",)),
        columns=("run", "seeds", "mean_accuracy", "median_seconds", "machine", "commit", "date"),
    ),
    "updates": Plot(
        *("updates.csv", "ratio", "times as long as the bytes that it moves", ("network", "rule")),
        only=lambda row: row["rule"] != "muon",  # which multiplies matrices, too
        line=1,
        columns=("network", "rule", "ms", "moved_mb", "moved_ms", "ratio", "machine", "commit", "date"),
    ),
    "augment": Plot(
        *("augment.csv", "cpu_us", "microseconds of a processor an image", ("size", "augment", "workers")),
        columns=("size", "augment", "workers", "images_per_second", "cpu_us", "machine", "commit", "date"),
    ),
}


def rows(plot: Plot) -> list[Row]:
    """The rows of the file that the plot shows. Raises ValueError where none is left."""
    with (RESULTS / plot.file).open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row[plot.column] and plot.only(row)]
    if not found:
        raise ValueError(f"results/{plot.file}: no row with a {plot.column} to draw")
    return found


def labels(plot: Plot, found: list[Row]) -> list[str]:
    """What each bar is called: by its date, too, where it was measured several times."""
    names = [", ".join(row[part] for part in plot.named) for row in found]
    seen = Counter(names)
    return [
        f"{name} ({row['date']})" if seen[name] > 1 else name for name, row in zip(names, found, strict=True)
    ]


def shown(plot: Plot) -> str:
    """The picture and the table, as HTML in Markdown."""
    found = rows(plot)
    picture = base64.b64encode(_drawn(plot, found)).decode()
    alt = html.escape(f"bars: {plot.unit}, of results/{plot.file}")
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in plot.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(row[name])}</td>" for name in plot.columns) + "</tr>\n"
        for row in found
    )
    return (
        f'<img alt="{alt}" src="data:image/svg+xml;base64,{picture}">\n'
        f"<details><summary>the numbers</summary><table>\n<tr>{head}</tr>\n{body}</table></details>\n"
    )


def _drawn(plot: Plot, found: list[Row]) -> bytes:
    """An SVG file: a bar a row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.9 + 0.26 * len(found)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(labels(plot, found), [float(row[plot.column]) for row in found], color="#4477aa")
    axes.bar_label(bars, [row[plot.column] for row in found], padding=3, fontsize=8)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_xlabel(plot.unit)
    axes.tick_params(labelsize=8)
    if plot.line is not None:
        axes.axvline(plot.line, color="black", linewidth=0.8)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
