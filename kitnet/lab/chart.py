"""A comparison as a picture: the time of every algorithm in every pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.lab.comparison import Comparison, Row
from kitnet.lab.problem import Pass

TITLES: dict[Pass, str] = {
    "forward": "forward",
    "data": "gradient of the data",
    "weights": "gradient of the weights",
}
COLOURS = {"generated code": "#1f6fb4", "NumPy": "#e08a1e", "loops in Python": "#8a8a8a"}
BAR = 0.32  # inches


def check_chart(path: str) -> None:
    """Raises KitnetError where no chart can be saved there."""
    _figure()
    place = Path(path)
    if place.suffix not in (".png", ".svg", ".pdf"):
        raise KitnetError(f"{path}: a chart is a .png, .svg or .pdf file; name it so")
    if place.is_dir():
        raise KitnetError(f"{path}: this is a folder; name a file")
    if not place.parent.is_dir():
        raise KitnetError(f"{path}: there is no folder {place.parent}; make it first")


def save_chart(found: Comparison, path: str) -> None:
    """Save a comparison as a picture. It needs matplotlib. Raises KitnetError."""
    check_chart(path)
    shown = {which: [r for r in rows if r.reason is None] for which, rows in found.rows.items()}
    heights = [len(rows) for rows in shown.values()]
    figure = _figure()(figsize=(8, BAR * sum(heights) + 0.75 * len(shown) + 1.2), layout="constrained")
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False, height_ratios=heights)
    for panel, (which, rows) in zip(panels[:, 0], shown.items(), strict=True):
        _draw(panel, TITLES[which], rows)
    times = [1000 * row.seconds for rows in shown.values() for row in rows]
    panels[0, 0].set_xlim(min(times) / 3, max(times) * 100)  # of all panels, with room for the labels
    panels[-1, 0].set_xlabel("milliseconds on a logarithmic scale")
    patches = [_patch()(color=colour, label=kind) for kind, colour in COLOURS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False)
    images = f"{found.batch} image" if found.batch == 1 else f"{found.batch} images"
    figure.suptitle(f"{found.line}, {images}, threads: {found.threads}")
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise KitnetError(f"{path}: cannot be written ({error.strerror})") from None


def _draw(panel: Any, title: str, rows: list[Row]) -> None:
    times = [1000 * row.seconds for row in rows]
    bars = panel.barh([row.name for row in rows], times, color=[COLOURS[_kind(row)] for row in rows])
    labels = [f"{_digits(time)} ms, {row.gflops:.3g} GFLOP/s" for time, row in zip(times, rows, strict=True)]
    panel.bar_label(bars, labels, padding=3, fontsize=8)
    panel.set_xscale("log")
    panel.invert_yaxis()
    panel.set_title(title, loc="left", fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)


def _kind(row: Row) -> str:
    if row.name == "loops":
        return "loops in Python"
    return "generated code" if row.kernels else "NumPy"


def _digits(time: float) -> str:
    return f"{time:,.0f}" if time >= 100 else f"{time:.3g}"


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise KitnetError("a chart needs matplotlib; install kitnet[plots]") from None
    return Figure


def _patch() -> Any:
    from matplotlib.patches import Patch

    return Patch
