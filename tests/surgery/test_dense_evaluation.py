"""Dense evaluation against crops, cut out by hand (catalogue 77 to 79, and the erratum on padding)."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row
from small_networks import images, line_with_borders, made, random_line

import kitnet
from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.surgery import Scan, average, convolve, dense, resize

JUMP = 4  # of two pools of 2
NET = "10x10x1 -> conv3-4{} -> relu -> maxpool2 -> conv3-5{} -> tanh -> fc6 -> relu -> fc3"


def crops_one_by_one(net: kitnet.Net, x: Array, stride: int) -> Array:
    """(N, *positions, K): the network's scores of every crop, each cut out of the images and run alone."""
    height, width, _ = net.input_shape
    rows = range(0, x.shape[1] - height + 1, stride)
    columns = range(0, x.shape[2] - width + 1, stride)
    return np.stack(
        [np.stack([net(x[:, i : i + height, j : j + width]) for j in columns], 1) for i in rows], 1
    )


@row(77)
@pytest.mark.sample(4)
@pytest.mark.parametrize("seed", range(12))
def test_77_without_padding_scores_are_those_of_the_crops(seed: int) -> None:
    net = made(random_line(seed, padded=False), seed)
    x = images(net, more=(9, 4))  # the ninth row is seen by no position
    scan = Scan(net, x.shape[1:3], engine="formula")
    assert (scan.jump, scan.positions, scan.passes, scan.causes) == ((4, 4), (3, 2), 1, ())
    assert not scan.affected.any()
    expected = crops_one_by_one(net, x, JUMP)
    assert scan(x) == pytest.approx(expected, rel=1e-11, abs=1e-12)
    found = scan.compare(x)
    assert found.score == abs(expected).max()
    assert found.relative < 1e-12


@row(77)
@pytest.mark.sample(4)
@pytest.mark.parametrize("seed", range(12))
def test_with_padding_they_are_not_and_the_report_says_where(seed: int) -> None:
    """The erratum: one dense pass is said to give the same as the crops."""
    net = made(random_line(seed, padded=True), seed)
    x = images(net, more=(8, 4))
    scan = Scan(net, x.shape[1:3], engine="formula")
    assert scan.causes[0] == "conv1" and "conv2" in scan.causes
    assert scan.affected.all()
    found, expected = scan.compare(x), crops_one_by_one(net, x, JUMP)
    assert found.largest == pytest.approx(abs(scan(x) - expected).max((0, -1)), rel=1e-9)
    assert found.relative > 1e-3


def test_the_erratum_in_numbers() -> None:
    """Printed: the same result. Without padding the scores differ by rounding, with it by tens of percent."""
    exact, padded = (made(NET.format(pad, pad)) for pad in ("", " same"))
    x = images(exact, 4, (8, 8))
    assert Scan(exact, x.shape[1:3], engine="formula").compare(x).relative < 1e-14
    assert 0.1 < Scan(padded, x.shape[1:3], engine="formula").compare(x).relative < 1


@pytest.mark.parametrize(
    ("pad", "affected"),
    [
        ("pad=1:0x0:0", [[0, 0, 0], [1, 1, 1], [1, 1, 1]]),  # above: the first row has it, too
        ("pad=0:0x0:1", [[1, 1, 0]] * 3),  # on the right
        ("pad=0x0", [[0, 0, 0]] * 3),
    ],
)
def test_positions_whose_padding_is_that_of_the_crop_are_not_affected(
    pad: str, affected: list[list[int]]
) -> None:
    net = made(f"9x9x1 -> conv3-3 {pad} -> maxpool2 floor -> conv2-3 -> fc2")
    x = images(net, more=(4, 4))
    scan = Scan(net, (13, 13), engine="formula")
    assert scan.affected.tolist() == np.array(affected, bool).tolist()
    differences = abs(scan(x) - crops_one_by_one(net, x, 2)).max((0, -1))
    assert (differences[~scan.affected] < 1e-12).all()
    assert (differences[scan.affected] > 1e-6).all()


@pytest.mark.sample(10)
@pytest.mark.parametrize("seed", range(60))
def test_what_is_not_affected_is_exact_however_layers_pad(seed: int) -> None:
    net = made(line_with_borders(seed))
    more = np.random.default_rng(seed).integers(0, 9, 2)
    x = images(net, 1, (int(more[0]), int(more[1])))
    scan = Scan(net, x.shape[1:3], engine="formula")
    assert len({*scan.stride}) == 1
    expected = crops_one_by_one(net, x, scan.stride[0])
    differences, score = abs(scan(x) - expected).max((0, -1)), abs(expected).max()
    assert (differences[~scan.affected] <= 1e-11 * score).all()
    seen = differences[scan.affected] > 1e-13 * score
    assert seen.all() or seen.mean() > 0.8  # a maximum or a ReLU may hide a border


@row(78)
@pytest.mark.parametrize(("stride", "passes", "positions"), [(2, 4, (4, 3)), (1, 16, (7, 5))])
def test_78_finer_strides_by_shifted_passes(stride: int, passes: int, positions: tuple[int, int]) -> None:
    """Half the stride takes four passes: not shifted, along x, along y, along both."""
    net = made("10x10x1 -> conv3-2 -> relu -> maxpool2 -> maxpool2 -> fc3")
    x = images(net, more=(6, 4))
    scan = Scan(net, (16, 14), stride=stride, engine="formula")
    assert (scan.stride, scan.passes, scan.positions) == ((stride, stride), passes, positions)
    assert scan(x) == pytest.approx(crops_one_by_one(net, x, stride), rel=1e-12, abs=1e-12)
    assert scan.compare(x).relative < 1e-13


@row(78)
def test_78_of_vgg_16_stride_16_takes_4_passes() -> None:
    """By its strides alone: a narrow network with VGG's five pools and 7x7 head, 224x224 on 384x384."""
    from kitnet.zoo import find

    net = find("vgg11").build(width=1, units=2)
    assert Scan(net, (384, 384)).positions == (6, 6)
    scan = Scan(net, (384, 384), stride=16)
    assert (scan.jump, scan.passes, scan.positions) == ((32, 32), 4, (11, 11))


@row(79)
def test_79_the_mean_of_dense_scores_is_that_of_the_averaging_network() -> None:
    net = made(NET.format("", "") + " -> softmax")
    x = images(net, 3, (6, 4))
    expected = crops_one_by_one(kitnet.surgery.cut(net, "fc2"), x, 2).mean((1, 2))
    wide = average(resize(convolve(net), x.shape[1:]))
    assert wide.tape(x)["average"][:, 0, 0] == pytest.approx(expected, rel=1e-12)
    assert wide.output_shape == (1, 1, 3)


def test_padding_in_different_passes() -> None:
    net = made(NET.format(" same", ""))
    x = images(net, more=(3, 3))
    scan = Scan(net, (13, 13), stride=1, engine="formula")
    differences = abs(scan(x) - crops_one_by_one(net, x, 1)).max((0, -1))
    assert scan.positions == (4, 4) and scan.affected.all()
    assert (differences > 1e-6).all()


def test_compiled_passes() -> None:
    net = kitnet.parse(NET.format("", "")).initialise(3)
    x = images(net, 3, (6, 7)).astype(np.float32)
    exact = made(NET.format("", ""), 3)
    for path, view in exact.weights.items():
        view[...] = net.weights[path]
    expected = crops_one_by_one(exact, x.astype(float), 1)
    found = dense(net, x, stride=1)
    assert found.dtype == np.float32
    assert abs(found - expected).max() < 1e-6 * abs(expected).max()
    assert Scan(net, x.shape[1:3]).compare(x).relative < 1e-6


def test_of_several_outputs_the_main_one_slides() -> None:
    net = made("8x8x1 -> conv3-2 -> side[fc2 => early] -> relu -> fc3 => classes")
    x = images(net, more=(1, 0))
    found = dense(net, x, engine="formula")
    expected = crops_one_by_one(kitnet.surgery.cut(net, "fc1"), x, 1)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("norm", ["layernorm", "layernorm affine=no", "groupnorm1"])
def test_norms_of_linear_layers_slide(norm: str) -> None:
    """Over the numbers of each position by itself, as they were over those of the only one."""
    net = made(f"8x8x2 -> conv3-4 -> fc6 -> {norm} -> relu -> fc3")
    x = images(net, more=(2, 1))
    scan = Scan(net, x.shape[1:3], engine="formula")
    assert scan.causes == ()
    assert scan(x) == pytest.approx(crops_one_by_one(net, x, 1), rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("norm", ["groupnorm2", "groupnorm1", "instancenorm", "layernorm affine=no"])
def test_norms_over_all_positions_are_told(norm: str) -> None:
    net = made(f"8x8x2 -> conv3-4 -> {norm} -> relu -> fc3")
    scan = Scan(net, (10, 8), engine="formula")
    assert scan.causes == (f"{norm.split(maxsplit=1)[0].rstrip('12')}1",)
    assert scan.affected.tolist() == [[True], [True], [True]]
    assert scan.compare(images(net, more=(2, 0))).relative > 1e-3


@pytest.mark.parametrize(
    ("line", "sizes", "how", "text"),
    [
        (
            "8x8x1 -> fc3",
            (6, 9),
            {},
            "images of 6x9 are smaller than the network's own input 8x8; enlarge them",
        ),
        (
            "8x8x1 -> maxpool2/2 -> maxpool2 -> fc3",
            (16, 16),
            {"stride": 3},
            "a stride of 3 does not divide the 4 places between two positions; use 1, 2, 4",
        ),
        ("8x8x1 -> fc3", (9, 9), {"stride": 0}, "stride 0 is not possible; use 1 or more"),
        ("8x8x1 -> fc3", (9, 9), {"engine": "fast"}, "unknown engine 'fast'; known: compiled, formula"),
        (
            "8x8x1 -> conv3-2",
            (9, 9),
            {},
            "the network gives 6x6x2 outputs for its own 8x8x1 input; give it the input of a single one",
        ),
        (
            "4x4x1 -> meanpool global -> upsample2 -> fc3",
            (8, 8),
            {},
            "upsample1: a step in what upsample gives is no whole step in the image, so that the network "
            "does not slide over it",
        ),
        (
            "4x4x1 -> upsample2 -> fc3",
            (9, 9),
            {},
            "upsample1: a step in what upsample gives is no whole step in the image, so that the network "
            "does not slide over it",
        ),
    ],
)
def test_what_does_not_slide(line: str, sizes: tuple[int, int], how: dict[str, object], text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        Scan(kitnet.parse(line), sizes, **how)  # type: ignore[arg-type]
    assert str(caught.value) == text


def test_weights_of_maps_are_of_the_whole_image() -> None:
    net = kitnet.parse("6x6x4 -> conv3-4 -> se2 -> fc2")
    with pytest.raises(KitnetError) as caught:
        Scan(net, (7, 6), engine="formula")(np.zeros((1, 7, 6, 4)))
    assert str(caught.value).startswith(
        "se1: equal volumes can be multiplied, or one number a map, but got 5x4x4 * 2x1x4 (so far: 7x6x4 -> "
    )


def test_images_of_another_size() -> None:
    scan = Scan(kitnet.parse("8x8x1 -> fc3"), (9, 9), engine="formula")
    with pytest.raises(KitnetError) as caught:
        scan(np.zeros((2, 9, 8, 1)))
    assert str(caught.value) == "images: expected (N, 9, 9, 1), but got (2, 9, 8, 1)"
