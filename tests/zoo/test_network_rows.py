"""What teaching material says of each network, as far as a graph shows it."""

from __future__ import annotations

import pytest
from built import built
from catalogue import row

import kitnet
from kitnet.layers import Add, BatchNorm, Concatenate, Convolution, Layer, Linear, MaxPool, MeanPool
from kitnet.zoo import find


def layers(name: str, kind: type[Layer]) -> list[Layer]:
    return [node.layer for node in built(name).graph.nodes if isinstance(node.layer, kind)]


def first(name: str) -> tuple[int, int]:
    """Window and stride of the first convolution."""
    conv = layers(name, Convolution)[0]
    assert isinstance(conv, Convolution)
    return conv.window, conv.stride  # type: ignore[return-value]  # of squares


def published(name: str) -> set[float]:
    return {error for one in find(name).published for error in (one.top1, one.top5) if error is not None}


@row(103)
def test_alexnet() -> None:
    """227x227x3, 11x11 with stride 4 and no padding to 55x55x96, about 60 million parameters, and a top-5
    error of 16 percent."""
    net = built("alexnet:paper")
    assert net.input_shape == (227, 227, 3) and first("alexnet:paper") == (11, 4)
    assert next(node.shape for node in net.graph.nodes if node.path == "conv1") == (55, 55, 96)
    assert round(net.ledger().totals["parameters"] / 1e6) == 61
    assert any(15 < error < 17 for error in published("alexnet:paper"))


@row(105)
def test_zfnet_begins_finer_than_alexnet() -> None:
    assert (first("zfnet"), first("alexnet:paper")) == ((7, 2), (11, 4))
    shapes = {node.path: node.shape for node in built("zfnet").graph.nodes}
    assert shapes["conv1"] == (110, 110, 96)  # figure 3 of Zeiler & Fergus 2014


@row(105)
def test_the_middle_convolutions_of_zfnet_are_larger() -> None:
    """In figure 3 of Zeiler & Fergus 2014 they have as many filters as AlexNet's, but all see all maps, so
    that the fourth and the fifth have twice the weights; in table 2 they have 512, 1024 and 512 filters."""
    rows = {
        name: [row for row in built(name).ledger().rows if row.kind == "conv"][2:]
        for name in ("alexnet:paper", "zfnet", "zfnet:larger")
    }
    filters = {name: [row.output[-1] for row in middle] for name, middle in rows.items()}
    assert filters["alexnet:paper"] == filters["zfnet"] == [384, 384, 256]
    assert filters["zfnet:larger"] == [512, 1024, 512]
    pairs = zip(rows["alexnet:paper"], rows["zfnet"], strict=True)
    assert [one.weights / other.weights for other, one in pairs] == [1, 2, 2]
    assert {row.output[:-1] for middle in rows.values() for row in middle} == {(13, 13)}


@row(106)
def test_vgg16_has_16_layers_with_weights_3x3_filters_and_2x2_pools() -> None:
    convolutions, pools = layers("vgg16", Convolution), layers("vgg16", MaxPool)
    assert len(convolutions) + len(layers("vgg16", Linear)) == 16
    sizes = {(one.window, one.stride, one.axes((9, 9, 3))[0].before) for one in convolutions}  # type: ignore[attr-defined]
    assert sizes == {(3, 1, 1)}
    assert len(pools) == 5 and {one.axes((8, 8, 3))[0].stride for one in pools} == {2}  # type: ignore[attr-defined]
    assert {one.window for one in pools} == {2}  # type: ignore[attr-defined]


@row(77)
def test_vgg16_on_384_has_36_windows_32_places_apart() -> None:
    """384 / 32 = 12, (12 - 7) / 1 + 1 = 6."""
    body = find("vgg16").line.partition(" -> [fc")[0]
    head = "conv7-4096 -> relu -> conv1-4096 -> relu -> conv1-1000"
    dense = kitnet.parse(f"{body} -> {head}", input="384x384x3")
    rows = {row.path: row for row in dense.ledger().rows}
    assert [row.output for row in rows.values() if row.kind == "maxpool"][-1] == (12, 12, 512)
    assert dense.output_shape == (6, 6, 1000) and 6 * 6 == 36
    assert list(rows.values())[-1].jump == (32, 32)


@row(134)
def test_vgg16_with_a_mean_in_the_place_of_its_large_layers() -> None:
    rows = built("vgg16:pooled").ledger().rows
    convolutions = sum(row.parameters for row in rows if row.kind == "conv")
    (last,) = (row.parameters for row in rows if row.kind == "fc")
    assert (convolutions, last, convolutions + last) == (14_714_688, 513_000, 15_227_688)
    assert "meanpool" in {row.kind for row in rows}


@row(107)
def test_googlenet_ends_in_a_mean_and_one_layer() -> None:
    graph = built("googlenet").graph
    end = [type(node.layer) for node in graph.nodes[: graph.main + 1] if "aux" not in node.path][-5:]
    assert MeanPool in end and end.count(Linear) == 1
    ratio = built("alexnet:paper").ledger().totals["parameters"] / 6_998_552
    assert 8 < ratio < 15  # 60M against the printed 4M; against the true 7M it is nine times


@row(70, 108)
def test_what_inception_v3_adds() -> None:
    """7x7 in two steps, 1x7 and 7x1, and batch normalisation in the auxiliary head."""
    windows = [one.window for one in layers("inception-v3", Convolution)]  # type: ignore[attr-defined]
    assert windows.count((1, 7)) == windows.count((7, 1)) > 0 and 7 not in windows
    auxiliary = [node for node in built("inception-v3").graph.nodes if node.path.startswith("aux")]
    assert any(isinstance(node.layer, BatchNorm) for node in auxiliary)
    assert not any(
        isinstance(node.layer, BatchNorm)
        for node in built("googlenet").graph.nodes
        if node.path.startswith("aux")
    )
    assert (1, 7) not in [one.window for one in layers("inception-v2", Convolution)]  # type: ignore[attr-defined]
    assert len(layers("inception-v4", Convolution)) > len(windows)


@row(109)
@pytest.mark.parametrize(("name", "blocks"), [("resnet18", 8), ("resnet50", 16), ("resnet152", 50)])
def test_resnets_add_their_input_and_normalise_each_convolution(name: str, blocks: int) -> None:
    assert len(layers(name, Add)) == blocks
    assert len(layers(name, BatchNorm)) == len(layers(name, Convolution))
    assert len(layers(name, Linear)) == 1


@row(110)
@pytest.mark.parametrize(("name", "blocks"), [("densenet121", 58), ("densenet40", 36)])
def test_densenets_put_every_layer_behind_what_it_reads(name: str, blocks: int) -> None:
    assert len(layers(name, Concatenate)) == blocks
    for node in built(name).graph.nodes:
        if isinstance(node.layer, Concatenate):
            shapes = built(name).graph.shapes_into(node)
            assert node.shape[-1] == sum(shape[-1] for shape in shapes)


@row(111)
def test_network_in_network_has_two_1x1_convolutions_behind_each_other() -> None:
    windows = [one.window for one in layers("nin", Convolution)]  # type: ignore[attr-defined]
    assert windows == [5, 1, 1, 5, 1, 1, 3, 1, 1]
    assert layers("nin", Linear) == []


@row(66, 112)
def test_the_all_convolutional_net_has_strides_in_the_place_of_pools() -> None:
    strides = [one.stride for one in layers("all-cnn-c", Convolution)]  # type: ignore[attr-defined]
    assert layers("all-cnn-c", MaxPool) == layers("all-cnn-c", Linear) == []
    assert strides == [1, 1, 2, 1, 1, 2, 1, 1, 1]
    assert len(layers("all-cnn-c", MeanPool)) == 1  # of whole maps, at the end
