"""A trained model, complete in itself: network, weights, classes, and how an image becomes its input.

Its file holds eight images of the data set (as they were, before preparation) with the scores that they gave
when the file was written, so that it can be verified.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kitnet.base.error import KitnetError, ModelFileError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data import Preparation
from kitnet.data.check import check_classes
from kitnet.layers import Context, Loss
from kitnet.net import Net, Tape
from kitnet.net.objective import Losses, class_numbers, one_hot, scores_of
from kitnet.train.model_file import Auxiliary, Contents, read_model, write_model

if TYPE_CHECKING:
    from kitnet.engine import Scores

BEST, LAST = "best.safetensors", "last.safetensors"  # of a run
FORMAT_1 = "model.safetensors"  # of a run of format 1
GOLDEN = 8
# Of the largest golden score: more than the rounding of any order of summation, less than any damage.
CLOSE = 1e-4


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image, best first, with their probabilities."""

    classes: tuple[tuple[str, float], ...]


@dataclass
class Model:
    """A network that has learned `classes`; images reach it through `preparation`."""

    net: Net
    loss: Loss
    classes: tuple[str, ...]
    preparation: Preparation
    auxiliary: Auxiliary = field(default_factory=dict)  # losses of further outputs, for training alone
    compiled: Scores | None = None  # scores by the engine; None: by the formulas

    @property
    def losses(self) -> Losses:
        """Of all outputs that training judges."""
        return {next(iter(self.net.outputs)): self.loss, **self.auxiliary} if self.auxiliary else self.loss

    def compile(
        self, batch: int = 128, threads: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Let the engine compute scores from now on, so many images at once."""
        from kitnet.engine import Scores  # which needs llvmlite

        self.compiled = Scores(self.net, self.loss, batch, threads=threads, progress=progress)

    def refresh(self) -> None:
        """To be called when weights have changed: what the engine made of them is made again."""
        if self.compiled:
            self.compiled.refresh()

    def scores(self, x: Array) -> Array:
        """Prepared images (N, *input_shape) -> scores (N, classes), as the loss reads them."""
        return self.compiled(x) if self.compiled else self.formula_scores(x)

    def formula_scores(self, x: Array) -> Array:
        """The same by the formulas."""
        net = self.net
        tape = Tape(net.graph, net.weights, net.state, Context(), {next(iter(net.operands)): x})
        return tape.values[scores_of(net.graph, self.loss)].reshape(len(x), -1)

    def judge(self, x: Array, labels: Array) -> tuple[Array, Array]:
        """Prepared images and their classes (N,) -> losses (N,), probabilities (N, classes)."""
        scores = self.scores(x)
        classes = class_numbers("classes", np.asarray(labels), (len(x),), scores.shape[1])
        target = one_hot(classes, scores.shape[1], scores.dtype)
        return self.loss.forward({}, {}, Context(), scores, target).y, self.loss.probabilities(scores)

    def predict(self, images: Array, top: int = 3) -> list[Prediction]:
        """uint8 images (N, h, w, c) of any size -> the `top` classes of each."""
        probabilities = self.loss.probabilities(self.scores(self.preparation.prepare(images)))
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        return [
            Prediction(tuple((self.classes[k], float(row[k])) for k in order))
            for row, order in zip(probabilities, best, strict=True)
        ]

    def with_network(self, net: Net, classes: Sequence[str] | None = None) -> Model:
        """The same use of another network: images are brought to its input in proportion. `classes` are
        other names. Raises KitnetError where the network does not give one score a class."""
        names, output = tuple(self.classes if classes is None else classes), net.output_shape
        if len(net.operands) != 1:
            raise KitnetError(f"a network of {len(net.operands)} inputs; a model of images has one")
        if output[-1] == len(names) < math.prod(output):
            raise KitnetError(
                f"an output of {say(output)} is {math.prod(output[:-1])} positions of {len(names)} classes; "
                "a model of images has one score a class, such as their average"
            )
        if math.prod(output) != len(names):
            raise KitnetError(
                f"an output of {say(output)} is not one score for each of {len(names)} classes; name as many "
                "classes as it has"
            )
        check_classes(names)
        preparation = self.preparation
        if net.input_shape != preparation.input:
            preparation = preparation.enlarged(net.input_shape)
        auxiliary = {name: goal for name, goal in self.auxiliary.items() if name in net.outputs}
        return Model(net, self.loss, names, preparation, auxiliary)

    def save(self, path: Path, images: Array) -> None:
        """Write the file, with the first eight of uint8 `images` (N, h, w, c) as golden inputs. Raises
        RunError, and ModelFileError for a network that is not of float32."""
        golden = images[:GOLDEN]
        scores = self._golden_scores(golden)
        write_model(
            path,
            Contents(self.net, self.loss, self.auxiliary, self.classes, self.preparation, golden, scores),
        )

    def _golden_scores(self, images: Array) -> Array:
        """Scores by the formulas, of one image after the other, so that they need little memory."""
        x = self.preparation.prepare(images)
        return np.concatenate([self.formula_scores(one[None]) for one in x])

    @classmethod
    def load(cls, where: str | Path, memory: int | None = None) -> Model:
        """A model file, or the best model of a run folder. Raises ModelFileError, also for a network that
        needs more than `memory` bytes to run, by default 80 % of what is free."""
        return cls._of(read_model(model_file(where), memory))

    @classmethod
    def _of(cls, found: Contents) -> Model:
        return cls(found.net, found.loss, found.classes, found.preparation, found.auxiliary)

    @classmethod
    def golden(cls, where: str | Path) -> tuple[Array, Array]:
        """The golden images of a model file, uint8 (N, h, w, c), and the scores that it records. Raises
        ModelFileError."""
        found = read_model(model_file(where), None)
        return found.images, found.scores

    @classmethod
    def verify(cls, where: str | Path, memory: int | None = None) -> tuple[int, float]:
        """Replay the golden images: how many there are, and the largest difference of a score. `memory` is as
        for `load`.

        Raises ModelFileError when the file is damaged or the scores are not those that it records.
        """
        path = model_file(where)
        found = read_model(path, memory)
        scores = cls._of(found)._golden_scores(found.images)
        difference = float(np.abs(scores - found.scores).max())
        if not difference <= CLOSE * float(np.abs(found.scores).max()):
            raise ModelFileError(
                f"{path}: its golden images give scores that differ by {difference:.3g} from the recorded "
                "ones; "
                "train or export it again"
            )
        return len(found.images), difference


def model_file(where: str | Path) -> Path:
    """The model file that is meant: itself, or the best one of a run folder."""
    path = Path(where)
    if path.is_dir():
        for name in (BEST, FORMAT_1):
            if (path / name).exists():
                return path / name
        raise ModelFileError(f"{path}: holds no {BEST}; give a run folder that has one, or a model file")
    if not path.is_file():
        raise ModelFileError(
            f"{path}: no such file; give a run folder such as runs/lenet5-1, or a model file"
        )
    return path
