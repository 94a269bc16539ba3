"""What `kitnet surgery --dense` says of an image: the classes by place, and how they compare with crops."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import Shape
from kitnet.base.shape import say as say_shape
from kitnet.base.spec import Array
from kitnet.cli.screen import fits, say, say_wrapped
from kitnet.data import Preparation, open_image
from kitnet.net.objective import scores_of
from kitnet.surgery import Differences, Scan, cut
from kitnet.train import Model

ROUNDS = 5  # that are timed, after one that is not
MOST_ROWS = 40  # of a map that is printed


@dataclass(frozen=True)
class Found:
    """What sliding over one image gave."""

    file: str
    model: Model
    scan: Scan
    scores: Array  # (*positions, classes)
    differences: Differences
    seconds: tuple[float, float]  # of sliding, and of all crops

    @property
    def mean(self) -> list[tuple[str, float]]:
        """The classes by the mean of the scores of all positions, the most probable first."""
        whole = self.scores.mean(tuple(range(self.scores.ndim - 1)))[None]
        probabilities = self.model.loss.probabilities(whole)[0]
        order = np.argsort(-probabilities, kind="stable")
        return [(self.model.classes[k], float(probabilities[k])) for k in order]

    @property
    def best(self) -> Array:
        """(*positions): the most probable class of each."""
        return self.model.loss.probabilities(self.scores).argmax(-1)


def scanned(model: Model, file: str, size: Shape | None, stride: int | None, threads: int | None) -> Found:
    """A trained model slid over an image at this size, or the image's own."""
    image = open_image(file)
    own = model.preparation
    if not isinstance(own, Preparation):
        raise KitnetError("--dense looks at pictures, but this model learned from arrays of floats")
    sizes = (*image.shape[:2], own.input[2])
    preparation = replace(own, input=sizes, resize=sizes[:2]) if size is None else own.enlarged(size)
    graph = model.net.graph
    scores_at = scores_of(graph, model.loss)
    net = model.net if scores_at == graph.main else cut(model.net, graph.nodes[scores_at].path)
    scan = Scan(net, preparation.input[:2], stride=stride, threads=threads)
    x = preparation.prepare(image[None])
    differences = scan.compare(x)
    seconds = _time(lambda: scan(x)), _time(lambda: scan.of_crops(x))
    return Found(file, model, scan, scan(x)[0], differences, seconds)


def _time(run: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs."""
    run()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def dense_json(found: Found) -> dict[str, Any]:
    scan = found.scan
    return {
        "file": found.file,
        "crop": list(scan.crop),
        "stride": list(scan.stride),
        "positions": list(scan.positions),
        "passes": scan.passes,
        "classes": np.asarray(found.model.classes, object)[found.best].tolist(),
        "mean": [{"class": name, "probability": p} for name, p in found.mean],
        "borders_through": list(scan.causes),
        "affected": scan.affected.tolist(),
        "differences": found.differences.largest.tolist(),
        "largest_relative_difference": found.differences.relative,
        "seconds": dict(zip(("dense", "crops"), found.seconds, strict=True)),
    }


def print_dense(found: Found) -> None:
    scan, count = found.scan, found.scan.affected.size
    passes = "one pass" if scan.passes == 1 else f"{scan.passes} passes"
    say_wrapped(
        f"{found.file}: {say_shape(scan.positions)} positions of {say_shape(scan.crop)}, "
        f"{say_shape(scan.stride)} apart, in {passes}"
    )
    names = [found.model.classes[k] for k in found.best.ravel()]
    width = max(map(len, names))
    rows = np.asarray([name.rjust(width) for name in names], object).reshape(scan.positions)
    lines = ["  " + " ".join(row) for row in rows]
    if not fits(lines[0]):
        say_wrapped("(the terminal is too narrow for the map of classes; --json prints it)")
    else:
        for line in lines[:MOST_ROWS]:
            say(line)
        if len(lines) > MOST_ROWS:
            say(f"  ... {len(lines) - MOST_ROWS} more rows, with --json")
    say_wrapped("mean of all: " + "  ".join(f"{name} {p:.1%}" for name, p in found.mean[:3]))
    slid, cropped = found.seconds
    crops = "1 crop" if count == 1 else f"{count} crops"
    say_wrapped(
        f"{slid * 1e3:.2f} ms by sliding, {cropped * 1e3:.2f} ms for {crops}: {cropped / slid:.1f} times"
    )
    say_wrapped(_borders(found))


def some(layers: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(layers[:3]) + (f" and {len(layers) - 3} more" if len(layers) > 3 else "")


def _borders(found: Found) -> str:
    """Whether the scores are those of the crops."""
    share, affected = found.differences.relative, int(found.scan.affected.sum())
    if not affected:
        why = "borders are those of the crops" if found.scan.causes else "no layer pads"
        return f"{why}: scores are those of the crops, to {share:.1g} of the largest score"
    return (
        f"crops have borders where the image goes on: through {some(found.scan.causes)} they reach "
        f"{affected} of {found.scan.affected.size} positions, and scores differ by up to {share:.0%} of "
        "the largest"
    )
