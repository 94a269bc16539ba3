"""KitnetClassifier as scikit-learn wants its estimators: its own checks, and pipelines, searches, images."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from kitnet.base.error import KitnetError
from kitnet.data import load
from kitnet.data.arrays import Standardisation
from kitnet.sklearn import BATCH, FEATURES, KitnetClassifier

DIGITS = load("digits").train
X, Y = DIGITS.images, DIGITS.labels  # type: ignore[attr-defined]
QUICK: dict[str, Any] = {"engine": "formula", "random_state": 0}
HANDFUL = (
    *("check_estimator_cloneable", "check_no_attributes_set_in_init", "check_estimators_unfitted"),
    "check_fit2d_1sample",
)


def run_check(estimator: KitnetClassifier, check: Callable[[KitnetClassifier], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noise is not learned, and says so
        check(estimator)


@pytest.mark.parametrize("name", HANDFUL)
def test_a_handful_of_the_checks(name: str) -> None:
    check = getattr(estimator_checks, name)
    run_check(KitnetClassifier(engine="formula"), lambda each: check("KitnetClassifier", each))


@pytest.mark.slow
@parametrize_with_checks([KitnetClassifier()])  # type: ignore[untyped-decorator]
def test_every_check_of_scikit_learn(estimator: KitnetClassifier, check: Any) -> None:
    run_check(estimator, check)


def test_images_and_rows_of_their_pixels_are_the_same() -> None:
    line = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> FC"
    floats = X[:300].astype(np.float64)
    rows = KitnetClassifier(line, epochs=3, **QUICK).fit(floats.reshape(300, 64), Y[:300])
    given = KitnetClassifier(line.replace("8x8x1", "INPUT"), epochs=3, **QUICK).fit(floats, Y[:300])
    greys = KitnetClassifier(line, epochs=3, **QUICK).fit(floats[..., 0], Y[:300])
    assert np.array_equal(rows.predict_proba(floats.reshape(300, 64)), given.predict_proba(floats))
    assert np.array_equal(rows.predict_proba(floats.reshape(300, 64)), greys.predict_proba(floats[..., 0]))
    bytes_ = clone(given).fit(X[:300], Y[:300])  # as pictures: the same but for rounding
    assert bytes_.predict_proba(X[:300]) == pytest.approx(given.predict_proba(floats), abs=1e-3)
    assert not isinstance(bytes_.model_.preparation, Standardisation)


def test_features_are_standardised_each_by_itself() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((200, 3)) * [1e-3, 1.0, 1e3] + [5.0, 0.0, -1e4]
    y = np.where(x[:, 0] > 5, "up", "down")
    found = KitnetClassifier(epochs=30, **QUICK).fit(x, y)
    assert str(found.model_.net).startswith("3 -> fc64") and FEATURES.startswith("INPUT -> fc64")
    assert found.score(x, y) > 0.95
    assert list(found.classes_) == ["down", "up"] and found.model_.classes == ("down", "up")


@pytest.mark.parametrize(("engine", "close"), [("formula", 1e-6), ("compiled", 0)])
def test_scores_do_not_depend_on_company(engine: str, close: float) -> None:
    """In a plan to the last bit; a formula's products are NumPy's, which adds up as the size has it."""
    found = KitnetClassifier("8x8x1 -> conv3-4 -> relu -> FC", epochs=1, random_state=0, engine=engine)
    found.fit(X[:200], Y[:200])
    whole = found.predict_proba(X[: BATCH + 9])
    alone = np.concatenate([found.predict_proba(X[i : i + 1]) for i in range(BATCH + 9)])
    for other in (alone, found.predict_proba(X[BATCH + 8 :: -1])[::-1]):
        assert np.abs(whole - other).max() <= close


def test_pipelines_searches_and_validations() -> None:
    rows, labels = X[:240].reshape(240, 64), Y[:240]
    pipeline = make_pipeline(
        MinMaxScaler(), KitnetClassifier("8x8x1 -> fc16 -> tanh -> FC", epochs=5, **QUICK)
    )
    assert cross_val_score(pipeline, rows, labels, cv=3).mean() > 0.5
    search = GridSearchCV(
        KitnetClassifier("INPUT -> fc16 -> tanh -> FC", epochs=5, **QUICK), {"lr": [1e-6, 0.01]}, cv=2
    )
    assert search.fit(rows, labels).best_params_ == {"lr": 0.01}
    images = KitnetClassifier("INPUT -> conv3-4 -> relu -> FC", epochs=5, **QUICK)
    assert cross_val_score(images, X[:240], labels, cv=2).mean() > 0.4


def test_the_seed_and_the_settings_reach_training() -> None:
    rows = X[:200].reshape(200, 64)
    settings: dict[str, Any] = {
        "optimizer": "sgd",
        "lr": 0.02,
        "validation": 0.2,
        "patience": 2,
        "epochs": 30,
    }
    found = KitnetClassifier(batch=50, **settings, **QUICK).fit(rows, Y[:200])
    more = {"clip": 0.5, "average": 0.9, "groups": "*.bias: sgd rate=0.1", "freeze": "fc1", "views": "flip"}
    line = "8x8x1 -> conv3-18 -> relu -> fc4 -> FC"
    whole = KitnetClassifier(line, epochs=1, whiten="conv1", **more, **QUICK).fit(X[:200], Y[:200])
    assert {**whole.history_.summary, "whiten": "conv1"} | more == whole.history_.summary
    told = found.history_.summary
    assert (told["batch"], told["optimizer"], told["lr"]) == (50, "sgd", 0.02)
    assert told["val_images"] + told["train_images"] == 200 and told["val_images"] > 30
    again = clone(found).fit(rows, Y[:200])
    assert np.array_equal(found.predict_proba(rows), again.predict_proba(rows))
    other = clone(found).set_params(random_state=1).fit(rows, Y[:200])
    assert not np.array_equal(found.predict_proba(rows), other.predict_proba(rows))
    assert KitnetClassifier(**QUICK).fit(rows, Y[:200]).history_.summary["epochs"] == 72  # 500 steps of 7


def test_a_network_of_the_zoo() -> None:
    """By its name, with a last layer for the classes of y."""
    X = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
    found = KitnetClassifier("lenet5", epochs=1, engine="formula").fit(X, np.arange(12) % 3)
    assert found.model_.net.input_shape == (32, 32, 1) and found.predict_proba(X).shape == (12, 3)
    with pytest.raises(ValueError, match=r"^unknown model 'lenet6' "):
        KitnetClassifier("lenet6").fit(X, np.arange(12) % 3)
    with pytest.raises(ValueError) as caught:
        KitnetClassifier("vae").fit(X, np.arange(12) % 3)
    assert str(caught.value) == "vae gives its input, not classes; name a classifier, such as lenet5"


def test_mistakes_are_value_errors() -> None:
    rows = X[:20].reshape(20, 64)
    told = {
        "the network ends in 3 but there are 10 classes; end it with fc10": "64 -> fc3",
        "unknown layer 'dense' (kitnet calls it 'fc'); write fc10": "64 -> dense10",
        "x: samples of 64; the network reads 5x5x1": "5x5x1 -> FC",
    }
    for text, line in told.items():
        with pytest.raises(ValueError) as caught:
            KitnetClassifier(line, **QUICK).fit(rows, np.arange(20) % 10)
        assert str(caught.value).splitlines()[0] == text
    found = KitnetClassifier(epochs=1, **QUICK).fit(X[:20], Y[:20])
    with pytest.raises(ValueError, match="X has 4 features, but KitnetClassifier is expecting 8"):
        found.predict(X[:20, ::2])
    with pytest.raises(ValueError, match="x: samples of 8x4x1; the network reads 8x8x1"):
        KitnetClassifier("INPUT -> FC", epochs=1, **QUICK).fit(X[:20] / 1, Y[:20]).predict(X[:20, :, ::2] / 1)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "kitnet.sklearn")
    with pytest.raises(KitnetError) as caught:
        importlib.import_module("kitnet.sklearn")
    assert str(caught.value) == (
        "kitnet.sklearn needs scikit-learn 1.6 or newer: pip install 'kitnet[sklearn]'"
    )
