"""A trained model, complete in itself: network, weights, classes, and how an image becomes its input.

Its file holds eight images of the data set (as they were, before preparation) with the scores that they gave
when the file was written, so that it can be verified.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kitnet.base import html
from kitnet.base.argument import whole
from kitnet.base.error import KitnetError, ModelFileError, shorten
from kitnet.base.precision import FP32, Precision
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data.arrays import Prepared
from kitnet.data.check import check_classes
from kitnet.data.source import CHUNK
from kitnet.data.views import Views
from kitnet.layers import Context, Loss
from kitnet.net import Net, Tape, usual_loss
from kitnet.net.objective import Losses, class_numbers, one_hot, scores_of
from kitnet.net.weighted_losses import read_losses, write_losses
from kitnet.train.events import Event
from kitnet.train.given import batches_of, source_of
from kitnet.train.model_file import (
    ONNX,
    Auxiliary,
    Contents,
    golden_onnx,
    model_file,
    prepared_onnx,
    read_model,
    write_model,
)
from kitnet.train.prediction import most_probable
from kitnet.train.target import CLASSES, INPUT, loss_for_input, others_for_input, target_of
from kitnet.zoo import MODELS

if TYPE_CHECKING:
    from kitnet.engine import Scores
    from kitnet.train.going_on import Trained
    from kitnet.train.history import History
    from kitnet.train.metrics import Score

GOLDEN = 8
# Of the largest golden score: more than the rounding of any order of summation, less than any damage.
CLOSE = 1e-4
FEW = 10  # classes that are printed
Callback = Callable[[Event], object]  # hears what training does; True ends it


class Model:
    """A network that learns `classes`, or has learned them; samples reach it through `preparation`.

        model = kitnet.Model(net)
        history = model.fit(x, y, validation=0.1, epochs=5)
        model.predict(x), model.evaluate(x, y), model.save("model.safetensors")

    `net` is a network, a line, or a name of the zoo, whose card then says how `fit` trains. Without `loss`, a
    loss or its word, it is the one that suits the last layer; without `classes`, their names, they are the
    numbers from 0. `preparation` is learned by the first `fit`. `auxiliary` are the losses of further
    outputs, for training alone. With the `target` "input" the network gives its own input instead of a class,
    as an autoencoder; a network that ends in a picture like its input does so unless it is said. Raises
    KitnetError.
    """

    def __init__(
        self,
        net: Net | str,
        loss: Loss | str | None = None,
        classes: Sequence[str] | None = None,
        preparation: Prepared | None = None,
        auxiliary: Auxiliary | None = None,
        target: str | None = None,
    ) -> None:
        self.net, self.name = _read(net)
        graph, self.auxiliary = self.net.graph, dict(auxiliary or {})
        self.target = target_of(self.net, CLASSES if target is None and classes is not None else target)
        gives_input = self.target == INPUT
        usual = (loss_for_input if gives_input else usual_loss)(graph) if loss is None else loss
        if isinstance(usual, str):
            usual, named = read_losses(usual, graph)
            self.auxiliary |= named
        self.loss: Loss = usual
        self.compiled: Scores | None = None  # scores by the engine; None: by the formulas
        self.precision, self.views = FP32, Views()  # of scores; of a picture, whose scores are averaged
        self.trained: Trained | None = None  # what another `fit` goes on from
        self.examples: Array | None = None  # some samples of training, with which a file is verified
        self._preparation = preparation
        self.classes: tuple[str, ...] = ()
        if gives_input:
            self.auxiliary = self.auxiliary or others_for_input(graph)
            return
        scores = math.prod(self.net.output_shape)
        self.classes = _numbers(scores) if classes is None else tuple(classes)
        if not self.classes:
            raise KitnetError(
                f"classes is empty; give the names of the {scores} classes, or leave it out where they are "
                "numbers"
            )
        check_classes(self.classes)
        if len(self.classes) != scores:
            raise KitnetError(
                f"the network ends in {say(self.net.output_shape)} but there are {len(self.classes)} "
                f"classes; end it with fc{len(self.classes)}"
            )

    def __repr__(self) -> str:
        classes = ", ".join(self.classes[:FEW]) + (", ..." if len(self.classes) > FEW else "")
        learned = self._preparation or "not learned yet; fit does it"
        told = f"classes {classes}" if self.target == CLASSES else "target its own input"
        loss = write_losses(self.loss, self.auxiliary if self.target == INPUT else {})
        return f"{self.net!r}\n\nloss {loss}\n{told}\npreparation {learned}"

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        _, _, rest = repr(self).rpartition("\n\n")
        return self.net._repr_html_() + "".join(f"<div>{html.text(line)}</div>" for line in rest.splitlines())

    def __getstate__(self) -> dict[str, Any]:
        """A copy makes plans of its own."""
        return {**self.__dict__, "compiled": None}

    @property
    def preparation(self) -> Prepared:
        """How samples become the input of the network. Raises KitnetError where nothing was learned yet."""
        if self._preparation is None:
            raise KitnetError("the model has learned nothing yet; call its fit first")
        return self._preparation

    @preparation.setter
    def preparation(self, preparation: Prepared) -> None:
        self._preparation = preparation

    @property
    def is_fitted(self) -> bool:
        """Whether the model has a preparation: it was fitted, or loaded."""
        return self._preparation is not None

    @property
    def is_nameless(self) -> bool:
        """Whether the classes are called by their numbers."""
        return self.classes == _numbers(len(self.classes))

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        validation: Any = None,
        epochs: int | None = None,
        batch: int | None = None,
        callbacks: Callback | Sequence[Callback] = (),
        runs: str | Path | None = None,
        name: str | None = None,
        **settings: Any,
    ) -> History:
        """Train on samples x and their classes y, without y where the network gives its input, and give what
        every epoch was. Another call goes on where this one ends: see `kitnet.train.fit`."""
        from kitnet.train.fitting import fit  # which trains models

        if runs is not None:
            settings["runs"] = str(runs) if isinstance(runs, Path) else runs
        given = {"epochs": epochs, "batch": batch, "name": name, **settings}
        return fit(self, x, y, validation, callbacks, given)

    def predict(self, x: Any, top: int | None = None) -> Any:
        """The class of each sample, (N,): names, or numbers where the classes are called by their numbers.
        With `top` so many classes of each with their probabilities, best first: a list of `Prediction`.

        x is as in `fit`, or one sample, the path of a picture, or a list of paths or of pictures of sizes of
        their own; pictures may have any size. Of a network that gives its input it is what that makes of each
        sample, (N, *input): pictures of unsigned bytes for pictures, else floats. Raises KitnetError.
        """
        if self.target == INPUT:
            if top is not None:
                raise self._no_classes("top")
            from kitnet.train.reconstruction import reconstructed  # which is about models

            return reconstructed(self, x)
        if top is not None:
            whole("top", top, 1)
        probabilities = self.probabilities(x)
        if top is None:
            best = probabilities.argmax(1)
            return best if self.is_nameless else np.array(self.classes)[best]
        return most_probable(probabilities, self.classes, top)

    def probabilities(self, x: Any) -> Array:
        """The probability of each class for each sample, float32 (N, classes); x is as in `predict`."""
        if self.target == INPUT:
            raise self._no_classes("probabilities")
        count, batches = batches_of(x, self.preparation)
        if count > CHUNK:
            self._compile_if_possible()
        self.refresh()
        parts = (self.scores(self.preparation.prepare(batch)) for batch in batches)
        return np.concatenate([self.loss.probabilities(part) for part in parts])

    def draw(self, count: int, seed: int = 0) -> Array:
        """New samples (count, *input) of a variational autoencoder: what its decoder makes of codes from the
        standard normal prior, as `predict` gives them. Raises KitnetError."""
        from kitnet.train.reconstruction import drawn  # which is about models

        return drawn(self, count, seed)

    def evaluate(self, x: Any, y: Any = None) -> Score:
        """Mean loss, accuracy and number of samples x with the classes y, or of a Source. Of a network that
        gives its input there is no y and no accuracy, but what each output loses. Raises KitnetError."""
        from kitnet.train.metrics import evaluate  # which is about models

        source = source_of(x, y, self.preparation.input, self.classes, self.target == INPUT)
        if len(source) > CHUNK:
            self._compile_if_possible()
        return evaluate(self, source)

    def _compile_if_possible(self) -> None:
        """Many samples are worth a plan, where llvmlite is there."""
        if self.compiled is None and importlib.util.find_spec("llvmlite") is not None:
            self.compile()

    @property
    def losses(self) -> Losses:
        """Of all outputs that training judges."""
        return {next(iter(self.net.outputs)): self.loss, **self.auxiliary} if self.auxiliary else self.loss

    def compile(
        self, batch: int = 128, threads: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Let the engine compute scores from now on, so many images at once. Raises KitnetError."""
        from kitnet.engine import Scores  # which needs llvmlite
        from kitnet.engine.precision import option
        from kitnet.train.reconstruction import judged_besides  # which is about models

        how: dict[str, Any] = {"values": judged_besides(self), **option(self.precision, "infer", self.net)}
        self.compiled = Scores(self.net, self.loss, batch, threads=threads, progress=progress, **how)

    def refresh(self) -> None:
        """To be called when weights have changed: what the engine made of them is made again."""
        if self.compiled:
            self.compiled.refresh()

    def scores(self, x: Array) -> Array:
        """Prepared images (N, *input_shape) -> scores (N, classes), as the loss reads them, of several views
        their mean."""
        of = self.compiled or self.formula_scores
        if not self.views:
            return of(x)
        scores = sum(share * of(view) for share, view in self.views.of(x))
        return np.asarray(scores, np.float32)

    def formula_scores(self, x: Array, precision: Precision | None = None) -> Array:
        """The same by the formulas, of the images as they are."""
        net, how, path = self.net, precision or self.precision, next(iter(self.net.operands))
        tape = Tape(net.graph, net.weights, net.state, Context(), {path: x}, precision=how)
        return tape.values[scores_of(net.graph, self.loss)].reshape(len(x), -1)

    def judge(self, x: Array, labels: Array) -> tuple[Array, Array]:
        """Prepared images and their classes (N,) -> losses (N,), probabilities (N, classes)."""
        scores = self.scores(x)
        classes = class_numbers("classes", np.asarray(labels), (len(x),), scores.shape[1])
        target = one_hot(classes, scores.shape[1], scores.dtype)
        return self.loss.forward({}, {}, Context(), scores, target).y, self.loss.probabilities(scores)

    def _no_classes(self, what: str) -> KitnetError:
        return KitnetError(
            f"the model gives its input, not classes, so that it has no {what}; use predict(x)"
        )

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
        if self.target == INPUT:
            target_of(net, INPUT)  # raises where it cannot
            return self._like(net, ())
        if math.prod(output) != len(names):
            raise KitnetError(
                f"an output of {say(output)} is not one score for each of {len(names)} classes; name as many "
                "classes as it has"
            )
        check_classes(names)
        return self._like(net, names)

    def _like(self, net: Net, names: tuple[str, ...]) -> Model:
        preparation = self.preparation
        if net.input_shape != preparation.input:
            preparation = preparation.enlarged(net.input_shape)
        auxiliary = {name: goal for name, goal in self.auxiliary.items() if name in net.outputs}
        model = Model(net, self.loss, names or None, preparation, auxiliary, self.target)
        model.views = self.views
        return model

    def save(self, path: str | Path, images: Array | None = None) -> None:
        """Write the file, with the first eight of `images`, as `fit` takes them, as golden inputs that
        `kitnet verify` replays; by default the first ones of the last training. Raises RunError, and
        ModelFileError for a network that is not of float32."""
        golden = self.examples if images is None else images
        if golden is None:
            raise KitnetError("save: the model knows no samples to be verified by; give some behind the path")
        golden = golden[:GOLDEN]
        scores = self._golden_scores(golden)
        write_model(
            Path(path),
            Contents(
                self.net,
                self.loss,
                self.auxiliary,
                self.classes,
                self.preparation,
                golden,
                scores,
                self.views,
            ),
        )

    def _golden_scores(self, images: Array) -> Array:
        """Scores by the formulas in fp32, of one image after the other, so that they need little memory."""
        return np.concatenate([self.formula_scores(x[None], FP32) for x in self.preparation.prepare(images)])

    @classmethod
    def load(cls, where: str | Path, memory: int | None = None) -> Model:
        """A model file, or the best model of a run folder. Raises ModelFileError, also for a network that
        needs more than `memory` bytes to run, by default 80 % of what is free. A file named *.onnx is
        read by `kitnet.interop.onnx.read`."""
        path = model_file(where)
        return prepared_onnx(path, memory) if path.suffix == ONNX else cls._of(read_model(path, memory))

    @classmethod
    def _of(cls, found: Contents) -> Model:
        target = CLASSES if found.classes else INPUT
        model = cls(found.net, found.loss, found.classes or None, found.preparation, found.auxiliary, target)
        model.views, model.examples = found.views, found.images
        return model

    @classmethod
    def golden(cls, where: str | Path) -> tuple[Array, Array]:
        """The golden images of a model file, uint8 (N, h, w, c), and the scores that it records. Raises
        ModelFileError."""
        _, images, scores = cls._recorded(model_file(where), None)
        return images, scores

    @classmethod
    def verify(cls, where: str | Path, memory: int | None = None) -> tuple[int, float]:
        """Replay the golden images: how many there are, and the largest difference of a score. `memory` is as
        for `load`.

        Raises ModelFileError when the file is damaged or the scores are not those that it records.
        """
        path = model_file(where)
        model, images, recorded = cls._recorded(path, memory)
        difference = float(np.abs(model._golden_scores(images) - recorded).max())
        if not difference <= CLOSE * float(np.abs(recorded).max()):
            raise ModelFileError(
                f"{path}: its golden images give scores that differ by {difference:.3g} from the recorded "
                "ones; "
                "train or export it again"
            )
        return len(images), difference

    @classmethod
    def _recorded(cls, path: Path, memory: int | None) -> tuple[Model, Array, Array]:
        """The model of a file, its golden images, and the scores that it records. Raises ModelFileError."""
        if path.suffix == ONNX:
            return golden_onnx(path, memory)
        found = read_model(path, memory)
        return cls._of(found), found.images, found.scores


def _read(net: Net | str) -> tuple[Net, str]:
    """A network as it is, or that of a line or a name of the zoo, and that name. Raises KitnetError."""
    if isinstance(net, Net):
        return net, ""
    if not isinstance(net, str):
        raise KitnetError(f"Model takes a network, a line or a name of the zoo, not {shorten(net)}")
    from kitnet.train.run import network  # which makes models

    made, card, data = network(net)
    name = card.name if data is None else net  # of a recipe
    return made, name if card.name in MODELS else ""


def _numbers(classes: int) -> tuple[str, ...]:
    return tuple(map(str, range(classes)))
