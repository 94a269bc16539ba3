"""What a run begins with: a recipe by its whole name, another last layer, weights that are there already."""

from __future__ import annotations

import threading
import tomllib

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.train import Finished, Settings, Started, Stopped, Warned, resume, save_network, train
from kitnet.train.start import begin_from, with_classes
from kitnet.zoo import MODELS, RECIPES, Recipe, find, find_recipe
from kitnet.zoo.card import model

SMALL = "small-for-recipes"
OWN = Recipe(rate=0.03125, momentum=0.5, batch=8, epochs=3)


@pytest.fixture
def small():
    """A network of the zoo with a recipe for digits and one for pictures of one's own."""
    model(
        SMALL,
        "Small",
        source="none",
        year=2000,
        recipe=Recipe(epochs=9),
        recipes={"digits": Recipe(epochs=1, batch=32, average=0.5), "folder": OWN},
    )(lambda: kitnet.parse("8x8x1 -> body:[conv3-4 same -> batchnorm -> relu] -> maxpool2 -> head:fc7"))
    yield SMALL
    del MODELS[SMALL]
    for name in [name for name in RECIPES if name.startswith(SMALL)]:
        del RECIPES[name]


def told(folder):
    return tomllib.loads((folder / "args.toml").read_text())


def begun(**settings):
    """The arguments that a run writes before its first step."""
    started = next(event for event in train(Settings(**settings)) if isinstance(event, Started))
    return told(started.folder)


def test_a_recipe_by_its_whole_name(small, tmp_path):
    assert find_recipe(f"{small}.digits") == (find(small), "digits")
    assert find_recipe(small) == (find(small), None)
    events = list(train(Settings(model=f"{small}.digits", runs=str(tmp_path))))
    folder = events[-1].folder
    assert isinstance(events[-1], Finished) and folder.name == f"{small}.digits-1"
    args = told(folder)
    assert (args["model"], args["data"], args["epochs"]) == (f"{small}.digits", "digits", 1)
    assert (args["batch"], args["average"]) == (32, 0.5)


def test_a_network_with_the_data_of_a_recipe_is_trained_by_it(small, easy, tmp_path):
    assert begun(model=small, data="digits", runs=str(tmp_path))["batch"] == 32
    other = begun(model=small, data=easy, runs=str(tmp_path))
    assert (other["epochs"], other["batch"]) == (9, 64)


def test_a_recipe_for_ones_own_pictures_asks_for_them(small, easy, tmp_path):
    with pytest.raises(KitnetError) as caught:
        next(train(Settings(model=f"{small}.folder", runs=str(tmp_path))))
    assert str(caught.value) == (
        f"{small}.folder is for pictures of your own; say where they are with --data"
    )
    args = begun(model=f"{small}.folder", data=easy, runs=str(tmp_path))
    assert (args["lr"], args["momentum"], args["batch"], args["epochs"]) == (0.03125, 0.5, 8, 3)


def test_a_recipe_goes_on_with_its_own_numbers(small, easy, tmp_path):
    """What a recipe says is not what its network usually says: a resumed run keeps to the recipe."""
    stop = threading.Event()
    events = []
    for event in train(Settings(model=f"{small}.folder", data=easy, runs=str(tmp_path)), stop):
        events.append(event)
        if isinstance(event, Started):
            stop.set()
    assert isinstance(events[-1], Stopped)
    before = told(events[-1].folder)
    assert isinstance(list(resume(events[-1].folder))[-1], Finished)
    assert told(events[-1].folder) == before and before["model"] == f"{small}.folder"


def test_another_number_of_classes_takes_another_last_layer(small, tmp_path):
    events = list(train(Settings(model=f"{small}.digits", runs=str(tmp_path))))
    assert [event.text for event in events if isinstance(event, Warned)] == [
        "the network ends in 7 but digits has 10 classes: fc10 is in the place of its last layer"
    ]
    assert events[-1].summary["network"].endswith("maxpool2 -> fc10")


def test_a_line_keeps_its_last_layer():
    net = kitnet.parse("8x8x1 -> fc7")
    with pytest.raises(KitnetError) as caught:
        with_classes(net, 10, "digits", replaces=False)
    assert str(caught.value) == "the network ends in 7 but digits has 10 classes; end it with fc10"
    assert with_classes(net, 7, "x", replaces=False) == (net, "")


def test_auxiliary_outputs_of_a_network_with_another_last_layer_are_told():
    net, note = with_classes(find("googlenet").build(width=8, size=128), 5, "x", replaces=True)
    assert net.output_shape == (5,) and list(net.outputs) == ["output"]
    assert note.startswith("the network ends in 1000 but x has 5 classes: fc5 is in the place of its last ")
    assert note.endswith(" are left out")


BODY = "8x8x1 -> body:[conv3-4 same -> batchnorm -> relu] -> maxpool2"


@pytest.fixture
def saved(tmp_path):
    """A network that has learned something, and its file."""
    net = kitnet.parse(f"{BODY} -> head:fc7").initialise(3)
    for buffers in net.state.values():
        for buffer in buffers.values():
            buffer[...] = 5
    save_network(tmp_path / "old.safetensors", net)
    return net, str(tmp_path / "old.safetensors")


def test_weights_and_statistics_that_fit_are_taken_over(saved):
    old, file = saved
    net = kitnet.parse(f"{BODY} -> head:fc10").initialise(0)
    drawn = {path: array.copy() for path, array in net.weights.items()}
    assert begin_from(net, file) == f"begins from {file}; new are head.weight, head.bias"
    for path, array in net.weights.items():
        np.testing.assert_array_equal(array, (drawn if path.startswith("head") else old.weights)[path])
    assert all((buffer == 5).all() for buffers in net.state.values() for buffer in buffers.values())
    whole = kitnet.parse(f"{BODY} -> head:fc7").initialise(0)
    assert begin_from(whole, file) == f"begins from {file}"


def test_weights_of_another_network_are_refused(saved):
    with pytest.raises(KitnetError) as caught:
        begin_from(kitnet.parse("8x8x1 -> fc10").initialise(0), saved[1])
    assert str(caught.value) == (
        f"--weights {saved[1]}: none of its 6 parameters has a path and a shape of this network, such as "
        "fc1.weight of 64x10; give a file of the same network"
    )


def test_a_run_begins_from_a_run_and_resumes_without_it(settings, tmp_path):
    """The weights are read once: a run goes on where they are gone."""
    first = list(train(settings(epochs=1)))[-1].folder
    stop = threading.Event()
    events = []
    for event in train(settings(epochs=1, weights=str(first), lr=1e-30), stop):
        events.append(event)
        if isinstance(event, Started):
            stop.set()
    folder = events[-1].folder
    assert Warned(f"begins from {first}") in events
    assert told(folder)["weights"] == str(first)
    first.rename(tmp_path / "elsewhere")
    assert isinstance(list(resume(folder))[-1], Finished)
    old = kitnet.train.Model.load(tmp_path / "elsewhere").net.weights
    new = kitnet.train.Model.load(folder).net.weights
    np.testing.assert_array_equal(old.flat, new.flat)  # at this rate nothing moves


def test_every_recipe_is_for_data_that_are_known(tmp_path):
    from kitnet.data import NAMES

    for name, (card, data) in RECIPES.items():
        assert data in (*NAMES, "folder") and name == f"{card.name}.{data}"
    assert "lenet5.digits" in RECIPES and "resnet20.cifar10" in RECIPES
    assert find("resnet20").recipe_for("cifar10").augment == "flip,crop4"
