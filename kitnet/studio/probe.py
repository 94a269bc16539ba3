"""What is seen of a training between two of its steps: values of every layer for one picture, weights with
their gradients and updates, some pictures as they are judged now, the confusion matrix.

All of it comes from what trains: gradients and updates of weights from the training step, scores from the
model's plan, values of layers and their gradients by their paths from a plan for one picture.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.data import Source
from kitnet.data.arrays import Standardisation
from kitnet.net.notation import write_layer
from kitnet.net.times import Times
from kitnet.studio import numbers
from kitnet.studio.board import Frame
from kitnet.studio.judged import judged
from kitnet.studio.values import Values
from kitnet.train.judgement import judge
from kitnet.train.loop import Loop

PICTURES = 12  # that are judged again and again
TOP = 3  # classes of each
FEWEST, MOST = 64, 500  # pictures that the confusion matrix counts
MISTAKES = 8
SECONDS = 0.5  # of training, at whose speed as many pictures are judged


class Probe:
    """Looks at the network of a loop; to be called in its thread, between two steps."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._paths = [node.path for node in self._net.graph.nodes if node.layer is not None]
        self.has_looked = False
        self._values = Values(loop, self._paths)
        self._before: tuple[int, dict[str, Array]] | None = None  # steps done, and the weights then
        self._updates: dict[str, float] = {}  # how long the update of each parameter was
        self._updated: int | None = None  # by which step
        self._timed: Times | None = None  # what that one took

    @property
    def _net(self) -> Any:
        return self._loop.run.model.net

    @cached_property
    def part(self) -> tuple[str, Source]:
        """The pictures to judge: those to validate with, or to test with, or to train with."""
        found = self._loop.run.parts.named()
        name = next(name for name in ("validation", "test", "train") if name in found)
        return name, found[name]

    @cached_property
    def _pictures(self) -> tuple[Array, Array]:
        """Some prepared pictures and their classes."""
        source = self.part[1].subset(slice(PICTURES))
        images, labels = source.read(np.arange(len(source)))
        return self._loop.run.model.preparation.prepare(images), np.asarray(labels)

    def pictures(self) -> list[str]:
        """The same pictures as addresses of PNG pictures, as they go into the network."""
        source, preparation = self.part[1].subset(slice(PICTURES)), self._loop.run.model.preparation
        images = source.read(np.arange(len(source)))[0]
        if isinstance(preparation, Standardisation):
            values = np.asarray(images, np.float64)
            low, high = values.min(), values.max()
            placed = np.rint((values - low) * (255 / (high - low or 1))).astype(np.uint8)
            placed = placed.reshape(len(placed), *preparation.input)
        else:
            placed = preparation.placed(images)
        return [numbers.picture(pixels) for pixels in placed]

    @cached_property
    def labels(self) -> list[int]:
        """The classes of these pictures."""
        return [int(label) for label in self._pictures[1]]

    def remember(self) -> None:
        """Keep the weights, so that the update of the next step can be seen, and let it be timed."""
        weights = self._net.weights
        done = self._loop.run.steps_done(self._loop.progress)
        self._before = done, {path: numbers.sample(view).copy() for path, view in weights.items()}
        self._loop.step_of.time_next()

    @property
    def remembers(self) -> bool:
        """Whether the weights from before the last step are there."""
        done = self._loop.run.steps_done(self._loop.progress)
        return self._before is not None and self._before[0] == done - 1

    def look(self, picture: int, speed: float) -> Frame:
        """All that is seen, of layers for the picture of this number; `speed` in pictures a second says how
        many of them may be judged."""
        self.has_looked = True
        done = self._loop.run.steps_done(self._loop.progress)
        if not np.isfinite(self._net.weights.flat).all():
            return {"finite": False, "done": done}
        self._measure(done)
        parameters = {path: self._parameters(path) for path in self._paths}
        with self._loop.judged(), np.errstate(over="ignore", invalid="ignore"):
            return {
                "finite": True,
                "done": done,
                "updated": self._updated,
                "times": self._times(),
                "picture": picture,
                "layers": self._layers(picture, parameters),
                "top": self._top(),
                "judged": self._judged(speed),
            }

    def _measure(self, done: int) -> None:
        """How far the last step moved each parameter, where the weights from before it are there."""
        if self._before is None or not self.remembers:
            return
        self._updated, self._timed = done, self._loop.step_of.times
        for path, before in self._before[1].items():
            moved = numbers.sample(self._net.weights[path]).astype(np.float64) - before
            self._updates[path] = float(np.linalg.norm(moved))

    def _times(self) -> Frame | None:
        """Seconds that the step took whose update is told, and those of each layer, where they are known."""
        times = self._timed
        if times is None:
            return None
        layers: dict[str, dict[str, float]] = {}
        for (path, way), seconds in times.layers.items():
            layers.setdefault(path, {})[way] = seconds
        return {"samples": times.samples, "ways": dict(times.ways), "layers": layers}

    def _layers(self, picture: int, parameters: dict[str, list[Frame]]) -> list[Frame]:
        x, labels = self._pictures
        values, gradients = self._values(x[picture : picture + 1], int(labels[picture]))
        found = []
        for path in self._paths:
            node = self._net.graph.nodes[self._net.graph.find(path)]
            value, gradient = values[path], gradients.get(path)
            layer = {
                "path": path,
                "layer": write_layer(node.layer),
                "shape": list(node.shape),
                "values": numbers.summary(value),
                "maps": numbers.strip(value[0]) if value.ndim == 4 else None,
                "gradient": None if gradient is None else numbers.summary(gradient),
                "gradients": numbers.strip(gradient[0]) if gradient is not None and value.ndim == 4 else None,
                "parameters": parameters.get(path, []),
            }
            found.append(layer)
        return found

    def _parameters(self, path: str) -> list[Frame]:
        """Of each parameter that the layer at this path learns: its numbers, its gradient, and how long its
        last update was beside it."""
        weights, gradient = self._net.weights, self._loop.step_of.gradient
        found = []
        for name in weights:
            if name.rpartition(".")[0] != path:
                continue
            length = numbers.norm(weights[name])
            update, dw = self._updates.get(name), gradient[name]
            found.append(
                {
                    "name": name.rpartition(".")[2],
                    "shape": list(weights[name].shape),
                    "weights": numbers.summary(weights[name]),
                    "gradient": numbers.summary(dw),
                    "filters": numbers.strip(_filters(weights[name])) if dw.ndim == 4 else None,
                    "gradients": numbers.strip(_filters(dw)) if dw.ndim == 4 else None,
                    "length": length,
                    "update": update,
                    "ratio": update / length if update is not None and length else None,
                }
            )
        return found

    def _top(self) -> list[list[tuple[int, float]]]:
        """The most probable classes of each picture, best first, by their numbers."""
        model = self._loop.run.model
        model.refresh()
        x, _ = self._pictures
        probabilities = model.loss.probabilities(model.scores(x))
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
        return [
            [(int(k), float(row[k])) for k in some] for row, some in zip(probabilities, order, strict=True)
        ]

    def _judged(self, speed: float) -> Frame:
        name, source = self.part
        most = max(FEWEST, min(MOST, int(speed * SECONDS)))
        some = source if len(source) <= most else source.subset(slice(most))
        return judged(judge(self._loop.run.model, some, name), MISTAKES)


def _filters(weight: Array) -> Array:
    """(R,S,C,K) -> (R,S,K): what each filter has of the first channel."""
    return weight[:, :, 0, :]
