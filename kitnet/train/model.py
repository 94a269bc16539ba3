"""A trained model, complete in itself: network, weights, classes, and how an image becomes its input.

Its file is safetensors: the arrays by their paths, as metadata everything else, and eight images of the data
set (as they were, before preparation) with the scores that they gave when the file was written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kitnet.base.error import KitnetError, ModelFileError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data import Preparation
from kitnet.data.check import check_images
from kitnet.files import write_whole
from kitnet.layers import Context, Loss
from kitnet.net import Net, Tape, parse
from kitnet.net.objective import loss_by_name, scores_of

if TYPE_CHECKING:
    from kitnet.engine import Scores

FORMAT = "kitnet model 1"
FILE = "model.safetensors"
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
    compiled: Scores | None = None  # scores by the engine; None: by the formulas

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
        tape = Tape(net.graph, net.weights, net.state, Context(), {"input": x})
        return tape.values[scores_of(net.graph, self.loss)].reshape(len(x), -1)

    def judge(self, x: Array, labels: Array) -> tuple[Array, Array]:
        """Prepared images and their classes (N,) -> losses (N,), probabilities (N, classes)."""
        scores = self.scores(x)
        target = np.eye(scores.shape[1], dtype=scores.dtype)[labels]
        return self.loss.forward({}, {}, Context(), scores, target).y, self.loss.probabilities(scores)

    def predict(self, images: Array, top: int = 3) -> list[Prediction]:
        """uint8 images (N, h, w, c) of any size -> the `top` classes of each."""
        probabilities = self.loss.probabilities(self.scores(self.preparation.prepare(images)))
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        return [
            Prediction(tuple((self.classes[k], float(row[k])) for k in order))
            for row, order in zip(probabilities, best, strict=True)
        ]

    def save(self, path: Path, images: Array) -> None:
        """Write the file, with the first eight of uint8 `images` (N, h, w, c) as golden inputs. Raises
        RunError."""
        from safetensors.numpy import save

        golden = images[:GOLDEN]
        arrays = {
            **self.net.weights,
            **{
                f"{node}.{name}": array
                for node, held in self.net.state.items()
                for name, array in held.items()
            },
            "golden/images": golden,
            "golden/scores": self.formula_scores(self.preparation.prepare(golden)),
        }
        # safetensors 0.8 writes strided arrays wrongly and says nothing
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        metadata = {
            "format": FORMAT,
            "network": str(self.net),
            "input": say(self.net.input_shape),
            "loss": self.loss.word,
            "classes": json.dumps(self.classes),
            "preparation": json.dumps(self.preparation.to_json()),
        }
        write_whole(path, save(arrays, {**metadata, "sha256": _digest(arrays, metadata)}))

    @classmethod
    def load(cls, where: str | Path) -> Model:
        """A model file, or a run folder that has one. Raises ModelFileError."""
        return _read(_file(where))[0]

    @classmethod
    def verify(cls, where: str | Path) -> tuple[int, float]:
        """Replay the golden images: how many there are, and the largest difference of a score.

        Raises ModelFileError when the file is damaged or the scores are not those that it records.
        """
        path = _file(where)
        model, arrays = _read(path)
        images, recorded = arrays["golden/images"], arrays["golden/scores"]
        difference = float(np.abs(model.scores(model.preparation.prepare(images)) - recorded).max())
        if not difference <= CLOSE * float(np.abs(recorded).max()):
            raise ModelFileError(
                f"{path}: its golden images give scores that differ by {difference:.3g} from the recorded "
                "ones; "
                "train or export it again"
            )
        return len(images), difference


def _file(where: str | Path) -> Path:
    path = Path(where)
    if path.is_dir():
        if not (path / FILE).exists():
            raise ModelFileError(f"{path}: holds no {FILE}; give a finished run folder, or a model file")
        return path / FILE
    if not path.is_file():
        raise ModelFileError(
            f"{path}: no such file; give a run folder such as runs/lenet5-1, or a model file"
        )
    return path


def _digest(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """SHA-256 over the metadata and every array by name."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        digest.update(arrays[name].data)
    return digest.hexdigest()


def _read(path: Path) -> tuple[Model, dict[str, Array]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            if metadata.get("format") != FORMAT:
                raise ModelFileError(
                    f"{path}: a safetensors file, but not a model of kitnet; give a file that kitnet wrote"
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error}); check the file") from None
    except (SafetensorError, TypeError) as error:  # TypeError: NumPy has no such type, as bfloat16
        raise ModelFileError(f"{path}: truncated, or not a model file ({error}); take a fresh copy") from None
    if metadata.pop("sha256", "") != _digest(arrays, metadata):
        raise ModelFileError(f"{path}: not as it was written (wrong checksum); take a fresh copy")
    try:
        net = parse(metadata["network"])
        classes = _classes(json.loads(metadata["classes"]))
        preparation = Preparation.from_json(json.loads(metadata["preparation"]))
        loss = loss_by_name(metadata["loss"])
        _fill(net, arrays)
        if preparation.input != net.input_shape:
            raise KitnetError(
                f"images are prepared as {say(preparation.input)} for a {say(net.input_shape)} input"
            )
        if len(classes) != int(np.prod(net.output_shape)):
            raise KitnetError(f"{len(classes)} classes for an output of {say(net.output_shape)}")
        check_images(arrays["golden/images"])
        if arrays["golden/scores"].shape != (len(arrays["golden/images"]), len(classes)):
            raise KitnetError("its golden images and scores do not fit each other")
    except (KeyError, ValueError, RecursionError, KitnetError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        raise ModelFileError(f"{path}: not a whole model of kitnet ({reason}); take a fresh copy") from None
    return Model(net, loss, classes, preparation), arrays


def _classes(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise KitnetError("its classes are no list of names")
    return tuple(names)


def _fill(net: Net, arrays: Mapping[str, Array]) -> None:
    """Put the arrays of a file into a network, after checking every shape."""
    for path, param in net.graph.params().items():
        if arrays[path].shape != param.shape or arrays[path].dtype != np.float32:
            raise KitnetError(
                f"{path} is {arrays[path].dtype} {arrays[path].shape}, expected float32 {param.shape}"
            )
    net.initialise()
    for path, view in net.weights.items():
        view[...] = arrays[path]
    for node, held in net.state.items():
        for name, buffer in held.items():
            if arrays[f"{node}.{name}"].shape != buffer.shape:
                raise KitnetError(
                    f"{node}.{name} is {arrays[f'{node}.{name}'].shape}, expected {buffer.shape}"
                )
            buffer[...] = arrays[f"{node}.{name}"]
