"""Models from Python: training on arrays, what they predict, save and print."""

from __future__ import annotations

import copy
import pickle
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError, TrainingError
from kitnet.base.spec import Array
from kitnet.data import Arrays, Dataset, Preparation, Source, load
from kitnet.data.arrays import Standardisation
from kitnet.train import EpochEnded, Finished, Ready, Settings, Started, Stepped, Stopped, train
from kitnet.train.folder import RunFolder

LINE = "8x8x1 -> fc16 -> tanh -> fc10"
DIGITS = load("digits")
X, Y = DIGITS.train.images, DIGITS.train.labels  # type: ignore[attr-defined]
TEST_X, TEST_Y = DIGITS.test.images, DIGITS.test.labels  # type: ignore[union-attr]
QUICK: dict[str, Any] = {"epochs": 2, "engine": "formula"}


def fitted(**settings: Any) -> kitnet.Model:
    model = kitnet.Model(LINE)
    model.fit(X, Y, **{**QUICK, **settings})
    return model


def refused(what: Any) -> str:
    with pytest.raises(KitnetError) as caught:
        what()
    return str(caught.value)


def test_the_weights_are_those_of_kitnet_train(tmp_path: Path) -> None:
    """The same line, data, recipe and seed on both ways, bit for bit."""
    more: dict[str, Any] = {"seed": 3, "clip": 1.0, "average": 0.9, "augment": "crop1"}
    *_, end = train(Settings(LINE, runs=str(tmp_path), validation=0.0, **more, **QUICK))
    assert isinstance(end, Finished)
    model = fitted(**more)
    theirs = kitnet.load(tmp_path / "net-1")
    assert np.array_equal(model.net.weights.flat, theirs.net.weights.flat)
    assert model.preparation == theirs.preparation and model.classes == theirs.classes


def test_init_is_for_weights_that_are_not_drawn_yet() -> None:
    """Also with several batches an update, as for `kitnet train`."""
    model = fitted(init="orthogonal", accumulate=2, lr=1e-30)
    want = kitnet.parse(LINE).initialise(0, init="orthogonal").weights
    for path, array in want.items():
        np.testing.assert_allclose(model.net.weights[path], array, atol=1e-6)
    assert refused(lambda: model.fit(X, Y, init="he", **QUICK)) == (
        "the network has its weights already; leave init out, or draw them by net.initialise(init='he')"
    )


def test_pictures_of_bytes_may_lack_the_axis_of_channels() -> None:
    model = kitnet.Model(LINE)
    model.fit(X[..., 0], Y, **QUICK)
    assert np.array_equal(model.net.weights.flat, fitted().net.weights.flat)
    assert np.array_equal(model.predict(TEST_X[..., 0]), model.predict(TEST_X))


def test_floats_are_standardised_channel_by_channel() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((300, 4, 5, 2)) * [1.0, 50.0] + [0.0, 1000.0]
    y = (x[..., 1].mean((1, 2)) > 1000).astype(int)
    model = kitnet.Model("4x5x2 -> fc8 -> relu -> fc2")
    history = model.fit(x, y, epochs=20, engine="formula")
    found = model.preparation
    assert isinstance(found, Standardisation)
    assert found.mean == pytest.approx(x.reshape(-1, 2).mean(0))
    assert found.std == pytest.approx(x.reshape(-1, 2).std(0))
    assert history["train_accuracy"][-1] > 0.9
    prepared = found.prepare(x)
    assert prepared.dtype == np.float32
    assert prepared == pytest.approx((x - found.mean) / found.std, abs=1e-5)


def test_a_constant_channel_has_nothing_to_divide_by() -> None:
    source = Arrays("x", np.full((7, 3), 0.1), np.zeros(7, int), ("a",))
    assert Standardisation.fitted(source, (3,)).std == (1.0, 1.0, 1.0)


def test_rows_of_features_and_names_of_classes() -> None:
    x = np.random.default_rng(1).standard_normal((200, 3))
    y = np.where(x[:, 0] > 0, "right", "left")
    model = kitnet.Model("3 -> fc8 -> relu -> fc2")
    model.fit(x, y, epochs=20, engine="formula")
    assert model.classes == ("left", "right")
    assert (model.predict(x) == y).mean() > 0.9
    (best,) = model.predict(np.array([[9.0, 0, 0]]), top=2)
    assert [name for name, _ in best.classes] == ["right", "left"]
    assert sum(p for _, p in best.classes) == pytest.approx(1)
    score = model.evaluate(x, y)
    assert score.samples == 200 and score.accuracy == (model.predict(x) == y).mean()
    assert repr(score) == f"<Score of 200 samples: loss {score.loss:.4g}, accuracy {score.accuracy:.2%}>"


def test_a_validation_part_decides_which_weights_stay() -> None:
    """Training that gets worse after its first epochs: the model has the weights of the best one."""
    model = kitnet.Model(LINE)
    history = model.fit(
        X[:30], Y[:30], validation=(TEST_X, TEST_Y), epochs=12, batch=8, lr=0.3, engine="formula"
    )
    losses = history["val_loss"]
    best = history.best.epoch - 1
    assert best < 11, "this training was meant to get worse"
    score = model.evaluate(TEST_X, TEST_Y)
    assert score.accuracy == history["val_accuracy"][best]
    assert score.loss == pytest.approx(losses[best], rel=1e-6)
    assert max(history["val_accuracy"]) == score.accuracy


def test_a_share_to_validate_with_and_a_source() -> None:
    history = kitnet.Model(LINE).fit(DIGITS.train, validation=0.2, **QUICK)
    assert history.summary["val_images"] == 288 and history.summary["train_images"] == 1149
    again = kitnet.Model(LINE).fit(DIGITS.train, validation=DIGITS.test, **QUICK)
    assert again.summary["val_images"] == 360
    assert kitnet.Model(LINE).fit(X, Y, **QUICK).summary["val_images"] == 0


def test_a_name_of_the_zoo_brings_its_recipe(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 1, "engine": "formula", "runs": tmp_path}
    kitnet.Model("lenet5").fit(X[:20], Y[:20], **settings)
    told = tomllib.loads((tmp_path / "lenet5-1" / "args.toml").read_text())
    assert (told["model"], told["schedule"]) == ("lenet5", "onecycle")
    assert told["augment"] == kitnet.zoo.find("lenet5").recipe.augment != ""
    floats = np.zeros((20, 32, 32, 1)) + Y[:20, None, None, None] / 10
    kitnet.Model("lenet5").fit(floats, Y[:20], **settings)
    assert tomllib.loads((tmp_path / "lenet5-2" / "args.toml").read_text())["augment"] == "none"
    assert refused(lambda: kitnet.Model("neocognitron").fit(X, Y)) == (
        "neocognitron learns by a rule of its own; kitnet train neocognitron, or kitnet.train.train, does so"
    )
    assert refused(lambda: kitnet.Model("lenet6")).startswith("unknown model 'lenet6'")


def test_a_second_training_goes_on() -> None:
    model = fitted()
    before = model.evaluate(X, Y).loss
    preparation = model.preparation
    model.fit(X // 2 + 100, Y, lr=1e-3, **QUICK)  # other pixels: were they standardised anew, it would show
    assert model.preparation is preparation
    model.fit(X, Y, **QUICK)
    assert model.evaluate(X, Y).loss < before
    drawn = kitnet.Model(LINE)
    drawn.net.initialise(5)
    drawn.fit(X, Y, seed=0, **QUICK)
    assert not np.array_equal(drawn.net.weights.flat, fitted(seed=0).net.weights.flat)


def test_events_and_a_callback_that_ends_it() -> None:
    heard: list[Any] = []
    fitted(callbacks=[heard.append])
    kinds = [type(event) for event in heard]
    assert kinds[:2] == [Started, Ready] and kinds[-1] is Finished
    assert kinds.count(EpochEnded) == 2 and kinds.count(Stepped) == 2 * 23
    assert heard[0].folder is None and heard[0].samples == 1437

    steps = 0

    def enough(event: Any) -> bool:
        nonlocal steps
        steps += isinstance(event, Stepped)
        return steps == 5

    history = kitnet.Model(LINE).fit(X, Y, callbacks=[enough, heard.append], **QUICK)
    assert steps == 5 and len(history) == 0 and history.summary == {}
    assert refused(lambda: history.best) == "no epoch of this training has ended"
    assert isinstance(heard[-1], Stopped) and heard[-1].step == 5


def test_ctrl_c_leaves_the_model_usable(tmp_path: Path) -> None:
    model, steps = kitnet.Model(LINE), 0

    def interrupt(event: Any) -> None:
        nonlocal steps
        steps += isinstance(event, Stepped)
        if steps == 30:  # in the second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        model.fit(X, Y, callbacks=[interrupt], name="mine", runs=tmp_path, **QUICK)
    with RunFolder(tmp_path / "mine-1").lock():  # which the run has let go, though its traceback lives
        assert caught.tb is not None
    one = fitted(epochs=1, schedule="constant")
    assert np.array_equal(model.predict(TEST_X), one.predict(TEST_X))
    model.fit(X, Y, **QUICK)


def test_a_run_folder_where_one_is_wanted(tmp_path: Path) -> None:
    model = kitnet.Model(LINE)
    history = model.fit(X, Y, validation=0.1, runs=tmp_path, name="mine", **QUICK)
    assert history.folder == tmp_path / "mine-1"
    names = {path.name for path in history.folder.iterdir()}
    assert names >= {"args.toml", "results.csv", "summary.json", "best.safetensors", "last.safetensors"}
    told = tomllib.loads((history.folder / "args.toml").read_text())
    assert told["model"] == LINE and told["data"] == "arrays" and told["epochs"] == 2
    model.save(tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").read_bytes() == (history.folder / "best.safetensors").read_bytes()
    best = kitnet.load(history.folder)
    assert np.array_equal(best.predict(TEST_X), model.predict(TEST_X))
    assert refused(lambda: load("arrays")) == (
        "arrays: the data of this run were arrays in Python, which are in no file; name other data, or train "
        "it there again"
    )


def test_the_usual_folder_for_runs_is_one_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert kitnet.Model(LINE).fit(X, Y, **QUICK).folder is None
    assert [*tmp_path.iterdir()] == []
    assert kitnet.Model(LINE).fit(X, Y, runs="runs", **QUICK).folder == Path("runs/net-1")
    assert kitnet.Model(LINE).fit(X, Y, name="mine", **QUICK).folder == Path("runs/mine-1")


def test_a_loss_that_is_lost_leaves_the_best_weights() -> None:
    model = kitnet.Model("8x8x1 -> fc16 -> fc10", "quadratic")
    with pytest.raises(TrainingError, match="try a smaller --lr than 1e\\+30"):
        model.fit(X, Y, lr=1e30, clip=None, **QUICK)
    assert np.isfinite(model.net.weights.flat).all()


def test_a_run_that_learns_nothing_warns() -> None:
    random = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="in epoch 2 the network still guesses"):
        kitnet.Model("5 -> fc2").fit(
            random.standard_normal((800, 5)), random.integers(0, 2, 800), batch=8, lr=1e-9, **QUICK
        )


@pytest.mark.parametrize("kind", ["pictures", "floats"])
def test_saved_and_loaded(tmp_path: Path, kind: str) -> None:
    x: Array = X if kind == "pictures" else X / 255
    model = kitnet.Model(LINE)
    model.fit(x, Y, **QUICK)
    model.save(tmp_path / "m.safetensors")
    again = kitnet.load(str(tmp_path / "m.safetensors"))
    assert again.preparation == model.preparation
    assert isinstance(again.preparation, Preparation if kind == "pictures" else Standardisation)
    assert np.array_equal(again.probabilities(x[:50]), model.probabilities(x[:50]))
    assert kitnet.Model.verify(tmp_path / "m.safetensors") == (8, 0.0)
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


def test_copies_and_pickles_compile_for_themselves() -> None:
    model = kitnet.Model(LINE)
    model.fit(X[:128], Y[:128], epochs=1)
    assert model.compiled is not None
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.compiled is None
        assert other.probabilities(TEST_X[:9]) == pytest.approx(model.probabilities(TEST_X[:9]), abs=1e-5)


def test_one_picture_many_pictures_and_paths(tmp_path: Path) -> None:
    from PIL import Image

    model, files = fitted(), []
    for i in range(3):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(TEST_X[i, ..., 0]).save(files[-1])
    expected = model.predict(TEST_X[:3])
    assert expected.dtype == np.int64
    assert np.array_equal(model.predict(files), expected)
    assert np.array_equal(model.predict([str(file) for file in files]), expected)
    assert np.array_equal(model.predict(files[0]), expected[:1])
    assert np.array_equal(model.predict(TEST_X[0]), expected[:1])
    assert np.array_equal(model.predict(TEST_X[0, ..., 0]), expected[:1])
    sizes: Any = [np.kron(TEST_X[i], np.ones((i + 1, i + 1, 1), np.uint8)) for i in range(3)]
    assert len(model.predict(sizes)) == 3
    grey = [size[..., 0] for size in sizes]
    assert np.array_equal(model.probabilities(grey), model.probabilities(sizes))
    features = kitnet.Model("8x8x1 -> fc10")
    features.fit(X / 255, Y, **QUICK)
    assert np.array_equal(features.predict(X[0] / 255), features.predict(X[:1] / 255))
    assert np.array_equal(features.predict(X[0, ..., 0] / 255), features.predict(X[:1] / 255))


def test_a_source_is_predicted_batch_by_batch() -> None:
    model = fitted()
    source = Own()
    assert np.array_equal(model.probabilities(source), model.probabilities(X[:300]))
    assert np.array_equal(model.predict(source), model.predict(X[:300]))
    assert max(source.asked) == 256
    assert [one.classes for one in model.predict(source, top=2)] == [
        one.classes for one in model.predict(X[:300], top=2)
    ]


class Own(Source):
    """A source as somebody writes it, of 300 digits."""

    name, classes = "own", tuple("0123456789")

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 300

    def read(self, samples: Array) -> Any:
        self.asked.append(len(samples))
        return X[samples], Y[samples]


class Short(Own):
    def read(self, samples: Array) -> Any:
        return X[samples[1:]], Y[samples]


class Unlabelled(Own):
    def read(self, samples: Array) -> Any:
        return X[samples], None


class Single(Own):
    def read(self, samples: Array) -> Any:
        return X[samples]


class Outside(Own):
    def read(self, samples: Array) -> Any:
        return X[samples], Y[samples] + 1


class Classless(Own):
    classes = ()


class Nameless(Own):
    name = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Short, "own: read gives 255 pictures where it is asked for 256; expected one for each number"),
        (Unlabelled, "own: read gives None as class numbers; expected one integer a picture"),
        (Single, "own: read gives no pair; expected pictures and class numbers"),
        (Outside, "own: label 10 of sample "),
        (Classless, "own: it has no classes; expected their names, such as ('cat', 'dog')"),
        (Nameless, "Nameless: its name is None; give it one, such as name = 'noise'"),
    ],
)
def test_mistakes_in_a_source_of_ones_own(kind: type[Source], text: str) -> None:
    model, source = fitted(), kind()
    for act in (lambda: model.evaluate(source), lambda: model.predict(source)):
        told = refused(act)
        assert "\n" not in told and told.startswith(text.split(":", maxsplit=1)[0])
    told = refused(lambda: kitnet.Model(LINE).fit(source, validation=0.1, **QUICK))
    assert told.startswith(text) and "\n" not in told, told


def test_freeze_takes_several_names_and_callbacks_a_single_function() -> None:
    events: list[Any] = []
    model, one = kitnet.Model(LINE), kitnet.Model(LINE)
    model.fit(X, Y, freeze=("fc1",), callbacks=events.append, **QUICK)
    one.fit(X, Y, freeze="fc1", callbacks=[events.append], **QUICK)
    assert np.array_equal(model.net.weights.flat, one.net.weights.flat)
    assert sum(isinstance(event, EpochEnded) for event in events) == 4


def test_what_is_printed() -> None:
    model = kitnet.Model("2 -> fc3", classes=("a", "b", "c"))
    assert repr(model).splitlines()[-3:] == [
        "loss softmax_cross_entropy",
        "classes a, b, c",
        "preparation not learned yet; fit does it",
    ]
    told = kitnet.Model("2 -> fc3", classes=("<a>", "b", "c"))._repr_html_()
    assert told.startswith("<p><code>2 -&gt; fc3</code></p>") and "<div>classes &lt;a&gt;, b, c</div>" in told
    history = kitnet.Model(LINE).fit(X, Y, **QUICK)
    header, *rows = repr(history).splitlines()
    assert header.split() == ["epoch", "train_loss", "train_accuracy", "seconds", "images_per_second"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert history._repr_html_().count("<tr>") == 3
    with pytest.raises(KeyError, match="no 'accuracy'"):
        history["accuracy"]


WRONG: dict[str, Any] = {
    "fit has no 'learning_rate' (kitnet calls it 'lr'); known: ": lambda m: m.fit(X, Y, learning_rate=1),
    "y is missing; give the class of each sample, numbers or names": lambda m: m.fit(X),
    "digits: it has labels of its own; leave y out": lambda m: m.fit(DIGITS.train, Y),
    "arrays: label 10 of sample 5 is outside the 10 classes; expected 0 to 9": lambda m: m.fit(X, Y + 5),
    "arrays: 1436 labels for 1437 pictures; expected one label a picture": lambda m: m.fit(X, Y[:-1]),
    "y of shape 3x10; expected one class a sample, such as y.argmax(1)": lambda m: m.fit(
        X[:3], np.eye(10)[:3]
    ),
    "y has 2 classes, but the network ends in 10 scores; end it with fc2": lambda m: m.fit(X[:2], ["a", "b"]),
    "x: samples of 8x9x1; the network reads 8x8x1; unsigned bytes would be resized": lambda m: m.fit(
        np.zeros((2, 8, 9, 1)), [0, 1]
    ),
    "x: samples of 7; the network reads 8x8x1": lambda m: m.fit(np.zeros((2, 7)), [0, 1]),
    "x: samples of one number; the network reads 8x8x1": lambda m: m.fit(np.zeros(2), [0, 1]),
    "arrays: nan in sample 1; leave such samples out, or put numbers in their place": lambda m: m.fit(
        np.array([[0.0], [np.nan]])[:, :, None, None] * np.ones((8, 8, 1)), [0, 1]
    ),
    "x of type <U1; expected numbers": lambda m: m.fit(np.array(["a"]), [0]),
    "fit: patience needs a validation part; give validation=0.1, or a pair (x, y)": lambda m: m.fit(
        X, Y, patience=2
    ),
    "augment flip changes pictures of unsigned bytes; give such, or leave it out": lambda m: m.fit(
        X / 255, Y, augment="flip"
    ),
    "--validation 2 is not possible; use a share of 0 or more and below 1, such as 0.1": lambda m: m.fit(
        X, Y, validation=2
    ),
    "the model has learned nothing yet; call its fit first": lambda m: m.predict(X),
    "save: the model knows no samples to be verified by; give some behind the path": lambda m: m.save("m"),
    "the network ends in 3 but there are 2 classes; end it with fc2": lambda m: kitnet.Model(
        "4 -> fc3", classes=("a", "b")
    ),
    "classes is empty; give the names of the 3 classes, or leave it out where they are numbers": (
        lambda m: kitnet.Model("4 -> fc3", classes=())
    ),
    "x: expected samples or a Source, but got None": lambda m: m.fit(None, Y),
    "y: expected the class of each sample, numbers or names, but got 3": lambda m: m.fit(X, 3),
    "validation: expected a share such as 0.1, a pair (x, y) or a Source, but got 'a'": lambda m: m.fit(
        X, Y, validation="a"
    ),
    "epochs is '5'; expected a whole number": lambda m: m.fit(X, Y, epochs="5"),
    "lr is 'fast'; expected a number": lambda m: m.fit(X, Y, lr="fast"),
    "runs is 3; expected a text in quotes": lambda m: m.fit(X, Y, runs=3),
    "callbacks: expected functions of an event, such as [print], but got 3": lambda m: m.fit(
        X, Y, callbacks=3
    ),
    "freeze: expected names such as 'conv1', but got 3": lambda m: m.fit(X, Y, freeze=3),
    "Model takes a network, a line or a name of the zoo, not 3": lambda m: kitnet.Model(3),  # type: ignore[arg-type]
    "unknown loss 'mse' (kitnet calls it 'quadratic'); known: ": lambda m: kitnet.Model(LINE, "mse"),
}


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_in_one_line(text: str) -> None:
    model = kitnet.Model(LINE)
    told = refused(lambda: WRONG[text](model))
    assert told.startswith(text) and "\n" not in told
    assert not model.is_fitted and not model.net.is_drawn


def test_what_a_fitted_model_does_not_take() -> None:
    model = fitted()
    for wrong in (None, 3, {}, object()):
        assert refused(lambda x=wrong: model.predict(x)).startswith(
            "x: expected samples, pictures, paths or a Source, but got "
        )
    assert refused(lambda: model.evaluate(None, Y)) == "x: expected samples or a Source, but got None"
    assert refused(lambda: model.predict(X, top="a")) == "top 'a' is no whole number; use 1 or more"
    assert model.fit(X, Y, epochs=np.int64(1), lr=np.float32(0.5), engine="formula").summary["lr"] == 0.5
    assert refused(lambda: fitted().predict(X / 255)) == (
        "preparation: pixels of type float64; pictures must be unsigned bytes, 0 to 255"
    )
    model = kitnet.Model(LINE)
    model.fit(X / 255, Y, **QUICK)
    assert refused(lambda: model.predict(X)) == (
        "x: numbers of type uint8, but the model learned from floats; give floats, of the range that it "
        "learned from"
    )
    named = kitnet.Model("8x8x1 -> fc2", classes=("a", "b"))
    data = Dataset("other", X[:9], Y[:9] % 2, ("c", "d"))
    assert refused(lambda: named.fit(data)) == (
        "other: its classes are ('c', 'd'), but the model's ('a', 'b'); give the data that it was trained for"
    )
    assert refused(lambda: named.fit(X[:9], ["a", "c"] * 4 + ["a"])) == "y has the class 'c'; known: 'a, b'"


def test_a_network_of_several_inputs_needs_a_loop() -> None:
    graph = kitnet.Graph()
    left, right = graph.operand("left", (3,)), graph.operand("right", (3,))
    graph.add("sum", kitnet.layers.Add(), left, right)
    assert refused(lambda: kitnet.Model(kitnet.Net(graph)).fit(np.zeros((4, 3)), [0, 1, 2, 0])) == (
        "fit trains networks of one input, and this one reads left and right; write a loop with "
        "net.compile(batch, 'train')"
    )
