"""Networks older than back-propagation: what their rules choose, and how well they then read digits."""

from __future__ import annotations

import re
from functools import cache, partial

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.spec import Array
from kitnet.data import load
from kitnet.net import Net
from kitnet.zoo import Stage, find, finish
from kitnet.zoo.fragments import information, of_detections
from kitnet.zoo.fragments import learn as learn_fragments
from kitnet.zoo.hmax import hmax, hmax_lowe
from kitnet.zoo.hmax import learn as learn_hmax
from kitnet.zoo.learning import LeastSquares, answers, up_to
from kitnet.zoo.neocognitron import compete

IMAGES = 100


@cache
def digits(size: int, images: int = IMAGES) -> tuple[Array, Array]:
    """The first digits, from 0 to 1, with every pixel as a square of so many places."""
    train, *_ = load("digits")
    x = np.kron(train.images[:images] / 255, np.ones((1, size // 8 + 1, size // 8 + 1, 1)))
    return x[:, :size, :size].astype(np.float32), train.labels[:images]


RULES = {
    "hmax": partial(learn_hmax, partial(hmax, 40)),
    "hmax:lowe": partial(learn_hmax, partial(hmax_lowe, 40)),
    "fragments": partial(learn_fragments, candidates=150),
}


@cache
def learned(name: str, seed: int = 0) -> Net:
    rules = {
        "hmax": partial(learn_hmax, partial(hmax, 40)),
        "hmax:lowe": partial(learn_hmax, partial(hmax_lowe, 40)),
        "fragments": partial(learn_fragments, candidates=150),
    }
    rule = rules.get(name, find(name).learn)
    return finish(rule(*digits(find(name).build().input_shape[0]), 10, seed))


OLD = ["neocognitron", "hmax", pytest.param("hmax:lowe", marks=pytest.mark.slow), "fragments"]


@pytest.mark.parametrize("name", OLD)
def test_what_it_has_learned_it_knows(name: str) -> None:
    """A guess would be right for 10 of the 100 images."""
    x, labels = digits(find(name).build().input_shape[0])
    found = answers(learned(name), x)
    assert found.shape == (IMAGES, 10)
    assert (found.argmax(1) == labels).mean() > 0.95


@pytest.mark.parametrize("name", OLD)
def test_images_without_light_teach_nothing_and_stop_nothing(name: str) -> None:
    size = find(name).build().input_shape[0]
    dark = np.zeros((4, size, size, 1), np.float32)
    net = finish(RULES.get(name, find(name).learn)(dark, np.arange(4) % 2, 2, 0))
    found = answers(net, dark)
    assert found.shape == (4, 2) and np.isfinite(found).all() and np.ptp(found, 0).max() == 0


def test_the_seed_decides() -> None:
    rule = partial(learn_hmax, partial(hmax, 4))
    one, again, other = (finish(rule(*digits(28, 20), 10, seed)) for seed in (1, 1, 2))
    assert one.weights.flat.tobytes() == again.weights.flat.tobytes()
    assert one.weights.flat.tobytes() != other.weights.flat.tobytes()


def test_stages_are_told_on_the_way() -> None:
    stages = list(learn_hmax(partial(hmax, 4), *digits(28, 20), 10, 0))
    assert all(isinstance(stage, Stage) and 0 <= stage.done <= stage.all for stage in stages)
    assert stages[-1] == Stage("images", 20, 20)
    assert list(dict.fromkeys(stage.what for stage in stages)) == ["patches of S2", "images"]


# --------------------------------------------------------------------------------------------- neocognitron


@row(93)
def test_stages_of_simple_and_complex_cells_in_turn() -> None:
    names = [node.path for node in find("neocognitron").build().graph.nodes]
    assert names[:7] == ["input", "S1", "C1", "S2", "C2", "S3", "C3"]


@row(93)
def test_each_plane_was_silent_before_it_was_added() -> None:
    """No seed of S2 has a cosine of 0.6 or more with another, and each is a window of C1 of an image."""
    net = learned("neocognitron")
    seeds = net.weights["S2.weight"].reshape(-1, net.weights["S2.inhibition"].size)
    seeds = seeds[:, net.weights["S2.inhibition"] > 0]
    assert seeds.shape[1] > 10
    directions = seeds / np.linalg.norm(seeds, axis=0)
    like = directions.T @ directions - np.eye(seeds.shape[1])
    assert like.max() < 0.6
    volumes = answers(up_to(net, "C1"), digits(28)[0])
    rows = np.lib.stride_tricks.sliding_window_view(volumes, (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    rows = rows.reshape(-1, seeds.shape[0])
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    np.testing.assert_allclose((rows @ directions).max(0), 1, atol=1e-4)


@row(93)
def test_planes_of_s3_belong_to_classes() -> None:
    """The mean image of what a class's planes answer to most is of that class."""
    net, (x, labels) = learned("neocognitron"), digits(28)
    planes = answers(up_to(net, "S3"), x).reshape(IMAGES, 10, -1)
    assert (planes.max(2).argmax(1) == labels).all()
    used = net.weights["S3.inhibition"].reshape(10, -1) > 0
    assert used.any(1).all() and not used.all()


@row(93)
def test_an_image_that_another_class_would_win_begins_a_plane() -> None:
    """Of two classes, three images: (1, 0) is of the first, (0, 1) and (1, 0.2) are of the second."""
    x = np.array([[1, 0], [0, 1], [1, 0.2]], np.float32).reshape(3, 1, 1, 2)
    same, labels = kitnet.parse("1x1x2 -> identity"), np.array([0, 1, 1])
    for seed in range(6):
        random = np.random.default_rng(seed)
        planes = finish(compete(same, x, labels, (1, 1, 2, 6), 2, random)).reshape(2, 2, 3)
        assert (np.abs(planes).max(0) > 0).tolist() == [[True, False, False], [True, True, False]]
        np.testing.assert_allclose(planes[:, 0, 0], [1, 0])


# ----------------------------------------------------------------------------------------------------- HMAX


@row(94)
def test_s2_holds_patches_of_c1_and_both_bands_share_them() -> None:
    net, (x, _) = learned("hmax"), digits(28)
    assert not any(path.startswith("C2.1.") and "cosine" not in path for path in net.weights)
    volumes = answers(up_to(net, "C2.0.C1"), x)
    shown = np.lib.stride_tricks.sliding_window_view(volumes, (4, 4), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    shown = shown.reshape(-1, 64)
    patches = net.weights["C2.0.S2.weight"].reshape(64, -1)
    for patch in patches.T:
        np.testing.assert_allclose(abs(shown - patch).max(1).min(), 0, atol=1e-6)


@row(94)
def test_c2_does_not_mind_where_the_image_is() -> None:
    """In a wide field a digit moves by six places; the first layer's maps move along, C2 stays."""
    narrow, image = learned("hmax"), load("digits")[0].images[0] / 255
    wide = kitnet.parse(str(narrow).replace("28x28x1", "64x64x1").replace(" -> fc10", ""))
    for path, view in wide.weights.items():
        view[...] = narrow.weights[path]
    x = np.zeros((2, 64, 64, 1), np.float32)
    x[0, 24:32, 24:32], x[1, 30:38, 30:38] = image, image
    first = answers(up_to(wide, "C2.0.C1"), x)
    assert np.abs(first[0] - first[1]).max() > 0.3
    still, moved = answers(up_to(wide, "C2"), x).reshape(2, -1)
    assert still.std() > 0.03
    np.testing.assert_allclose(still, moved, atol=1e-4)


@row(94)
def test_lowes_patches_keep_the_strongest_orientation_alone() -> None:
    weights = learned("hmax:lowe").weights
    patch, mask = weights["C2.0.S2.weight"], weights["C2.0.S2.mask"]
    assert (mask.max(2) == 1).all() and set(np.unique(mask)) == {0, 1}
    assert (np.take_along_axis(patch, mask.argmax(2)[:, :, None], 2)[:, :, 0] == patch.max(2)).all()


def test_least_squares_with_a_penalty() -> None:
    """As NumPy solves the same problem with the penalty as further equations, features of deviation 1."""
    random = np.random.default_rng(0)
    features, labels = random.standard_normal((50, 7)) * 3 + 5, random.integers(0, 4, 50)
    fit = LeastSquares(7, 4)
    fit.add(features[:20], labels[:20])
    fit.add(features[20:], labels[20:])
    weight, bias = fit.solve(0.3)
    mean, deviation, targets = features.mean(0), features.std(0), np.eye(4)[labels]
    rows = np.r_[(features - mean) / deviation, np.sqrt(0.3 * 50) * np.eye(7)]
    right = np.r_[targets - targets.mean(0), np.zeros((7, 4))]
    solved = np.linalg.lstsq(rows, right, rcond=None)[0]
    expected = (features - mean) / deviation @ solved + targets.mean(0)
    np.testing.assert_allclose(features @ weight + bias, expected, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------------------------------------ fragments


@row(94)
def test_mutual_information_by_hand() -> None:
    """1 bit where a variable is the class, 0 where it tells nothing, and 1 - H(1/4) between them."""
    same, none, some = [[5, 0], [0, 5]], [[2, 2], [3, 3]], [[3, 1], [1, 3]]
    entropy = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    np.testing.assert_allclose(information(np.array([same, none, some])), [1, 0, 1 - entropy], atol=1e-12)


@row(94)
def test_detections_that_tell_the_class() -> None:
    targets = np.eye(2)[[0, 0, 1, 1]]
    detected = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [0, 0, 1]])
    np.testing.assert_allclose(of_detections(detected, targets), [1, 0, 0], atol=1e-12)


@row(94)
def test_fragments_are_windows_of_images_and_tell_more_than_random_ones() -> None:
    net, (x, labels) = learned("fragments"), digits(16)
    shown = np.lib.stride_tricks.sliding_window_view(x[..., 0], (5, 5), (1, 2)).reshape(-1, 25)
    for fragment in net.weights["F1.weight"].reshape(25, -1).T[::8]:
        assert abs(shown - fragment).max(1).min() == 0
    targets = np.eye(10)[labels]
    chosen = of_detections(answers(up_to(net, "D1"), x).reshape(IMAGES, -1), targets).reshape(16, -1).max(0)
    random = np.random.default_rng(0).permuted(answers(up_to(net, "D1"), x).reshape(IMAGES, -1), axis=0)
    assert chosen.min() > of_detections(random, targets).max()


@row(94)
def test_a_fragment_of_fragments_is_a_window_of_the_first_level() -> None:
    net = learned("fragments")
    assert set(np.unique(net.weights["F2.weight"])) == {0, 1}
    assert net.graph.nodes[net.graph.find("F2")].layer.window == 2


# ------------------------------------------------------------------------------------------------ accuracy


@row(93, 94)
@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("neocognitron", 0.95), ("hmax", 0.95), ("fragments", 0.9)])
def test_digits_of_others(name: str, least: float, tmp_path) -> None:
    """Of the test part, as `kitnet train` tells it; the card says about as much."""
    from kitnet.train import Settings, train

    right = list(train(Settings(model=name, runs=str(tmp_path))))[-1].summary["test_accuracy"]
    assert right >= least
    said = re.search(r"comes? with kitnet it has (\d+)", " ".join(find(name).differences))
    assert said and abs(right * 100 - int(said[1])) < 1.5
    assert kitnet.parse(str(find(name).build())).graph == find(name).build().graph
