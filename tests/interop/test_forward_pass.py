"""What a page is told of a network, and which ones it is not for."""

import numpy as np
import pytest

from kitnet import Graph, Net, parse
from kitnet.interop.forward_pass import MOST, WORDS, forward_pass
from kitnet.layers import LAYERS, Add, Convolution, Linear, Relu

KNOWN = (
    "add, batchnorm, bias, conv, dropout, fc, flatten, leakyrelu, lecuntanh, maxpool, meanpool, pad, "
    "padchannels, rbf, relu, scale, sigmoid, softmax, subsample, tanh"
)


def of(line):
    net = parse(line)
    return net, forward_pass(net, net.graph.main)


def arrays(found, number):
    return {name: found.weights[a:b] for name, (a, b) in found.layers[number]["arrays"].items()}


def test_filters_stand_one_behind_the_other():
    net, found = of("5x6x4 -> conv3x2-6 groups=2 -> fc3")
    weight = net.weights["conv1.weight"]  # R,S,C,K
    assert arrays(found, 0)["weight"].reshape(6, 3, 2, 2)[4, 2, 1, 0] == weight[2, 1, 0, 4]
    assert arrays(found, 1)["weight"].reshape(3, -1)[2, 7] == net.weights["fc1.weight"][7, 2]
    assert found.weights.dtype == np.float32


def test_a_table_has_zeros_and_flipped_filters_are_turned():
    net, found = of("5x5x3 -> conv3-2 table=0.2/1 bias=no flip=yes")
    own = arrays(found, 0)
    filters = own["weight"].reshape(2, 3, 3, 3)
    assert not filters[0, :, :, 1].any() and not filters[1][..., [0, 2]].any()
    assert filters[1, 0, 2, 1] == net.weights["conv1.weight"][2, 0, 2]
    assert (own["bias"] == 0).all() and own["bias"].shape == (2,)


def test_inputs_have_the_numbers_of_what_is_computed():
    net = parse("8x8x3 -> side[fc2 => early] -> residual[conv3-3 same -> relu] -> fc4 => late")
    found = forward_pass(net, net.graph.outputs["late"])
    assert [(layer["path"], layer["inputs"]) for layer in found.layers] == [
        ("residual1.body.conv1", [0]),
        ("residual1.body.relu1", [1]),
        ("residual1", [2, 0]),
        ("fc1", [3]),
    ]


def test_shared_weights():
    graph = Graph()
    image = graph.operand("image", (4, 4, 2))
    one = graph.add("one", Convolution(3, 2, pad="same"), image)
    two = graph.add("two", Convolution(3, 2, pad="same"), one, owner="one")
    graph.add("sum", Add(), one, two)
    found = forward_pass(Net(graph), graph.main)
    np.testing.assert_array_equal(arrays(found, 0)["weight"], arrays(found, 1)["weight"])


def refused(line):
    with pytest.raises(Exception) as caught:
        of(line)
    return str(caught.value)


def test_every_other_layer_is_refused_by_path_and_word():
    assert refused("8x8x3 -> conv3-4 -> lrn -> fc2") == f"lrn1: a page does not compute lrn; it knows {KNOWN}"
    assert refused("8x8x3 -> concat[conv1-2 | identity]") == (
        f"concat1.1.identity1: a page does not compute identity; it knows {KNOWN}"
    )
    assert set(WORDS) <= set(LAYERS) and ", ".join(WORDS) == KNOWN


def test_other_ranks_are_refused():
    assert refused("9x3 -> conv3-4 -> fc2") == (
        "conv1: a page computes conv on volumes such as 28x28x1, not on 9x3"
    )
    assert refused("4x4x4x1 -> maxpool2 -> fc2") == (
        "maxpool1: a page computes maxpool on volumes such as 28x28x1, not on 4x4x4x1"
    )


def test_too_many_weights_are_refused():
    assert refused("32x32x3 -> conv3-8 same -> fc1000 -> fc10") == (
        "the weights take 32.8 MB, fc1.weight alone 32.8; a page holds 20 MB at most, so export a smaller "
        "network"
    )
    units = MOST // 4 // 1001
    assert len(of(f"10x10x10 -> fc{units} -> relu")[1].weights) == units * 1001 <= MOST // 4
    with pytest.raises(Exception, match="the weights take 20"):
        of(f"10x10x10 -> fc{units + 1} -> relu")


def test_a_network_without_weights():
    graph = Graph()
    graph.add("relu", Relu(), graph.operand("image", (2, 2, 1)))
    assert forward_pass(Net(graph), graph.main).weights.shape == (0,)
    assert Linear(1).word in WORDS
