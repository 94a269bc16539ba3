"""Networks as estimators of scikit-learn: for its pipelines, searches and validations.

from kitnet.sklearn import KitnetClassifier
cross_val_score(KitnetClassifier("INPUT -> conv3-16 same -> relu -> maxpool2 -> FC", epochs=5), images, y)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.net import Net, parse
from kitnet.train import Model, pick_engine
from kitnet.train.start import with_classes
from kitnet.train.target import INPUT, target_of
from kitnet.zoo import find

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError:
    raise KitnetError(
        "kitnet.sklearn needs scikit-learn 1.6 or newer: pip install 'kitnet[sklearn]'"
    ) from None

FEATURES = "INPUT -> fc64 -> relu -> FC"
IMAGES = "INPUT -> conv3-16 same -> relu -> conv3-32/2 same -> relu -> FC"
BATCH = 64  # samples that scores are computed for at once, whatever is asked, so that company changes nothing
LEAST_EPOCHS, LEAST_STEPS = 20, 500


class KitnetClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A convolutional network, or any other, as a classifier.

    X is (N, features), or images (N,H,W,C) or (N,H,W) of one shape: unsigned bytes are taken as pictures,
    floats as they are; both are standardised channel by channel, features each by itself.

    network         a name of the zoo, such as lenet5, whose last layer is made for the classes; or a line,
                    with INPUT for the shape of a sample and FC at the end for as many units as there are
                    classes; by default a small one for features, another for images. Where its input is
                    written out, as 8x8x1, rows of 64 features become such volumes: row by row, channels last
    epochs          None: 20, or as many as 500 steps take where the data are few
    batch, optimizer, lr, schedule, momentum, decay, clip, average, groups, freeze, whiten, augment, views
                    as in `kitnet train`; without an optimizer adam with the rate 0.003
    validation      share of the samples, such as 0.1, to choose the best epoch by; None: the last is taken
    patience        epochs without a better one after which training ends; needs validation
    random_state    decides the initial weights and the order of the samples
    engine, threads as in `kitnet train`

    After `fit` there are `model_`, a `kitnet.Model`, `history_`, `classes_` and `n_features_in_`. Mistakes
    are ValueErrors, as scikit-learn has them.
    """

    def __init__(
        self,
        network: str | None = None,
        *,
        epochs: int | None = None,
        batch: int = 32,
        optimizer: str | None = None,
        lr: float | None = None,
        schedule: str | None = None,
        momentum: float | None = None,
        decay: float | None = None,
        clip: float | None = None,
        average: float | None = None,
        groups: str | None = None,
        freeze: Any = None,
        whiten: str | None = None,
        augment: str | None = None,
        views: str | None = None,
        validation: float | None = None,
        patience: int | None = None,
        random_state: Any = None,
        engine: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.network = network
        self.epochs = epochs
        self.batch = batch
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.momentum = momentum
        self.decay = decay
        self.clip = clip
        self.average = average
        self.groups = groups
        self.freeze = freeze
        self.whiten = whiten
        self.augment = augment
        self.views = views
        self.validation = validation
        self.patience = patience
        self.random_state = random_state
        self.engine = engine
        self.threads = threads

    def fit(self, X: Any, y: Any) -> KitnetClassifier:
        """Train anew on samples X and their classes y (N,)."""
        X, y = validate_data(self, X, y, allow_nd=True, dtype="numeric")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with _as_value_errors():
            net = self._net(X.shape[1:])
            self.model_ = Model(net, classes=[str(one) for one in self.classes_])
            self.history_ = self.model_.fit(
                _samples(X, net.input_shape), labels, seed=seed, **self._settings(len(X))
            )
            self.model_.compiled = None  # what training scored with has another batch
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, float64 (N, classes), in the order of `classes_`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True, dtype="numeric")
        model: Model = self.model_
        with _as_value_errors():
            if model.compiled is None and pick_engine(self.engine) == "compiled":
                model.compile(BATCH, self.threads)
            samples = _samples(X, model.net.input_shape)
            parts = [_padded(model, samples[i : i + BATCH]) for i in range(0, len(samples), BATCH)]
        found = np.concatenate(parts).astype(np.float64)
        return found / found.sum(1, keepdims=True)

    def predict(self, X: Any) -> Array:
        """The most probable class of each sample, as y had them."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def _net(self, shape: Shape) -> Net:
        line = self.network or (FEATURES if len(shape) == 1 else IMAGES)
        if "->" not in line and "→" not in line:
            net = find(line).build()
            if target_of(net) == INPUT:
                raise KitnetError(f"{line} gives its input, not classes; name a classifier, such as lenet5")
            return with_classes(net, len(self.classes_), "y", replaces=True)[0]
        volume = (*shape, 1) if len(shape) == 2 else shape
        given = line.lstrip().lower().startswith("input")
        classes: dict[str, Any] = {"classes": len(self.classes_)} if line.rstrip().endswith("FC") else {}
        return parse(line, input=volume if given else None, **classes)

    def _settings(self, samples: int) -> dict[str, Any]:
        steps = math.ceil(samples / max(1, self.batch))
        names = (
            *("batch", "schedule", "momentum", "decay", "clip", "average", "groups", "freeze", "whiten"),
            *("augment", "views", "patience", "engine", "threads"),
        )
        return {
            **{name: getattr(self, name) for name in names},
            "epochs": self.epochs or max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / steps)),
            "optimizer": self.optimizer or "adam",
            "lr": 0.003 if self.optimizer is None and self.lr is None else self.lr,
            "validation": self.validation,
        }


def _samples(X: Array, shape: Shape) -> Array:
    """X as the network reads it. Other numbers than unsigned bytes of images become floats."""
    if X.dtype != np.uint8 or X.ndim < 3:
        X = X.astype(np.float64 if X.dtype != np.float32 else np.float32)
    fits = X.ndim == 2 and math.prod(shape) == X.shape[1]
    return X.reshape(len(X), *shape) if fits else X


def _padded(model: Model, samples: Array) -> Array:
    """The probabilities of at most `BATCH` samples, computed as for so many."""
    rest = np.repeat(samples[-1:], BATCH - len(samples), axis=0)
    return model.probabilities(np.concatenate([samples, rest]))[: len(samples)]


@contextmanager
def _as_value_errors() -> Iterator[None]:
    try:
        yield
    except KitnetError as error:
        raise ValueError(str(error)) from None
