"""Networks of Caffe: the published ones in short forms, rules of sizes, and what is refused."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.interop.caffe.network import read_text
from kitnet.layers import BatchNorm, LeakyRelu, LocalResponseNorm, MeanPool
from kitnet.zoo.googlenet import MODULES

INPUT = 'input: "data" input_shape {{ dim: 1 dim: {2} dim: {0} dim: {1} }}\n'


def layer(name, kind, bottom, top=None, numbers=""):
    bottoms = " ".join(f'bottom: "{one}"' for one in bottom.split())
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top or name}" {numbers} }}\n'


def conv(name, bottom, filters, window, more=""):
    numbers = f"convolution_param {{ num_output: {filters} kernel_size: {window} {more} }}"
    return layer(name, "Convolution", bottom, numbers=numbers) + layer(f"relu_{name}", "ReLU", name, name)


def pool(name, bottom, window, stride, more="", kind="MAX"):
    numbers = f"pooling_param {{ pool: {kind} kernel_size: {window} stride: {stride} {more} }}"
    return layer(name, "Pooling", bottom, numbers=numbers)


def fc(name, bottom, units):
    return layer(name, "InnerProduct", bottom, numbers=f"inner_product_param {{ num_output: {units} }}")


def lrn(name, bottom):
    return layer(name, "LRN", bottom, numbers="lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")


LENET = (
    'name: "LeNet" # of the examples\n'
    'layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TRAIN } }\n'
    'layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TEST }\n'
    "  transform_param { scale: 0.00390625 } data_param { batch_size: 100 backend: LMDB } }\n"
    'layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 }\n'
    "  convolution_param { num_output: 20 kernel_size: 5 weight_filler { type: 'xavier' } } }\n"
    + pool("pool1", "conv1", 2, 2)
    + layer("conv2", "Convolution", "pool1", numbers="convolution_param { num_output: 50 kernel_size: 5 }")
    + pool("pool2", "conv2", 2, 2)
    + fc("ip1", "pool2", 500)
    + layer("relu1", "ReLU", "ip1", "ip1")
    + fc("ip2", "ip1", 10)
    + layer("accuracy", "Accuracy", "ip2 label", numbers="include { phase: TEST }")
    + layer("loss", "SoftmaxWithLoss", "ip2 label")
)


def parameters(net):
    return sum(param.size for param in net.graph.params().values())


def shapes(net):
    return {node.path: node.shape for node in net.graph.nodes}


def test_lenet_is_a_line():
    found = read_text(LENET, (28, 28, 1))
    assert str(found.net) == (
        "28x28x1 -> conv1:conv5-20 floor -> pool1:maxpool2 ceil -> conv2:conv5-50 floor -> "
        "pool2:maxpool2 ceil -> ip1:fc500 -> relu1:relu -> ip2:fc10"
    )
    assert (parameters(found.net), found.loss) == (431_080, "softmax_cross_entropy")
    assert found.told == (
        "Accuracy accuracy only measures, and is left out",
        "SoftmaxWithLoss loss is the loss softmax_cross_entropy here",
    )


def test_cifar10_quick_rounds_its_pools_up():
    """Sizes and parameters of the example of Caffe: 145,578."""
    text = INPUT.format(32, 32, 3)
    text += conv("conv1", "data", 32, 5, "pad: 2") + pool("pool1", "conv1", 3, 2)
    text += conv("conv2", "pool1", 32, 5, "pad: 2") + pool("pool2", "conv2", 3, 2, kind="AVE")
    text += conv("conv3", "pool2", 64, 5, "pad: 2") + pool("pool3", "conv3", 3, 2, kind="AVE")
    text += fc("ip1", "pool3", 64) + fc("ip2", "ip1", 10) + layer("prob", "Softmax", "ip2")
    net = read_text(text).net
    assert parameters(net) == 145_578
    assert [shapes(net)[f"pool{i}"] for i in (1, 2, 3)] == [(16, 16, 32), (8, 8, 32), (4, 4, 64)]


def test_alexnet_as_the_zoo_has_that_of_2012():
    text = INPUT.format(227, 227, 3)
    text += conv("conv1", "data", 96, 11, "stride: 4") + lrn("norm1", "conv1") + pool("pool1", "norm1", 3, 2)
    text += conv("conv2", "pool1", 256, 5, "pad: 2 group: 2") + lrn("norm2", "conv2")
    text += pool("pool2", "norm2", 3, 2) + conv("conv3", "pool2", 384, 3, "pad: 1")
    text += conv("conv4", "conv3", 384, 3, "pad: 1 group: 2")
    text += conv("conv5", "conv4", 256, 3, "pad: 1 group: 2") + pool("pool5", "conv5", 3, 2)
    text += fc("fc6", "pool5", 4096) + layer("drop6", "Dropout", "fc6", "fc6")
    text += fc("fc7", "fc6", 4096) + layer("drop7", "Dropout", "fc7", "fc7") + fc("fc8", "fc7", 1000)
    net = read_text(text).net
    zoo = kitnet.zoo.find("alexnet:paper").build()
    assert parameters(net) == parameters(zoo) == 60_965_224
    assert shapes(net)["pool5"] == (6, 6, 256)
    norm = net.graph.nodes[net.graph.find("norm1")].layer
    assert norm == LocalResponseNorm(5, alpha=2e-5, beta=0.75, k=1.0)


def inception(name, bottom):
    one, before3, three, before5, five, behind = MODULES[name]
    at = f"inception_{name}"
    text = conv(f"{at}/1x1", bottom, one, 1) + conv(f"{at}/3x3_reduce", bottom, before3, 1)
    text += conv(f"{at}/3x3", f"{at}/3x3_reduce", three, 3, "pad: 1")
    text += conv(f"{at}/5x5_reduce", bottom, before5, 1)
    text += conv(f"{at}/5x5", f"{at}/5x5_reduce", five, 5, "pad: 2")
    text += pool(f"{at}/pool", bottom, 3, 1, "pad: 1") + conv(f"{at}/pool_proj", f"{at}/pool", behind, 1)
    ends = " ".join(f"{at}/{each}" for each in ("1x1", "3x3", "5x5", "pool_proj"))
    return text + layer(f"{at}/output", "Concat", ends)


def test_googlenet_has_the_sizes_of_the_zoo():
    text = INPUT.format(224, 224, 3) + conv("conv1/7x7_s2", "data", 64, 7, "pad: 3 stride: 2")
    text += pool("pool1", "conv1/7x7_s2", 3, 2) + lrn("norm1", "pool1")
    text += conv("conv2/3x3_reduce", "norm1", 64, 1) + conv("conv2/3x3", "conv2/3x3_reduce", 192, 3, "pad: 1")
    text += lrn("norm2", "conv2/3x3") + pool("pool2", "norm2", 3, 2)
    last = "pool2"
    for name in MODULES:
        text += inception(name, last)
        last = f"inception_{name}/output"
        if name in ("3b", "4e"):
            text += pool(f"pool_{name}", last, 3, 2)
            last = f"pool_{name}"
    text += pool("pool5", last, 7, 1, kind="AVE") + fc("classifier", "pool5", 1000)
    found = read_text(text + layer("prob", "Softmax", "classifier"))
    assert parameters(found.net) == 6_998_552  # of the zoo's main network
    sizes = shapes(found.net)
    assert sizes["inception_3b_output"] == (28, 28, 480)
    assert sizes["inception_4e_output"] == (14, 14, 832)
    assert sizes["inception_5b_output"] == (7, 7, 1024)
    assert found.paths["inception_4a/3x3_reduce"] == "inception_4a_3x3_reduce"


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize(("window", "stride"), [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3)])
def test_sizes_of_pools(pad, window, stride):
    """Caffe's own rule: rounded up, without a last window that begins behind the input and its padding."""
    for n in range(window, 12):
        positions = math.ceil((n + 2 * pad - window) / stride) + 1
        positions -= bool(pad) and (positions - 1) * stride >= n + pad
        text = INPUT.format(n, n, 1) + pool("p", "data", window, stride, f"pad: {pad}" if pad else "")
        assert shapes(read_text(text).net)["p"][0] == positions


def test_old_names_and_fields_in_another_order():
    text = (
        "input: 'data' input_dim: 1 input_dim: 1 input_dim: 6 input_dim: 5\n"
        "layers < type: CONVOLUTION name: 'c' bottom: 'data', top: 'c'; convolution_param <num_output: 2,\n"
        "kernel_h: 3 kernel_w: 1 pad: [1, 0]> blobs_lr: 1 blobs_lr: 2>\n"
        "layers { type: RELU name: 'r' bottom: 'c' top: 'c' relu_param: { negative_slope: .1 } }"
    )
    net = read_text(text).net
    assert str(net) == "6x5x1 -> c:conv3x1-2 pad=1x0 floor -> r:leakyrelu slope=0.1"
    assert net.graph.nodes[2].layer == LeakyRelu(0.1)


def test_a_scale_belongs_to_its_batch_norm():
    text = INPUT.format(4, 4, 3) + layer("n", "BatchNorm", "data")
    text += layer("s", "Scale", "n", "n", "scale_param { bias_term: true }") + layer("r", "ReLU", "n", "n")
    found = read_text(text)
    assert str(found.net) == "4x4x3 -> n:batchnorm decay=0.999 -> r:relu"
    assert (found.told, found.paths["s"]) == ((), "n")
    assert found.net.graph.nodes[1].layer == BatchNorm(0.999, 1e-5)
    (told,) = read_text(INPUT.format(4, 4, 3) + layer("n", "BatchNorm", "data")).told
    assert told == (
        "BatchNorm n has no Scale behind it: here it has a scale and a shift, which are 1 and 0 at first"
    )


def test_joins_and_means_over_padding():
    text = INPUT.format(6, 6, 2) + pool("p", "data", 3, 1, "pad: 1", kind="AVE")
    text += layer("sum", "Eltwise", "p data") + layer("f", "Flatten", "sum") + layer("g", "TanH", "f")
    net = read_text(text).net
    x = np.arange(72, dtype=np.float32).reshape(1, 6, 6, 2)
    assert net.graph.nodes[1].layer == MeanPool(3, 1, 1, "ceil", count_pad=True)
    around = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3), (1, 2))
    expected = np.tanh((windows.mean((-1, -2)) + x).reshape(1, -1))
    np.testing.assert_allclose(net(x), expected, rtol=1e-5)


START = INPUT.format(4, 4, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it has no layers; give Caffe's description of a network"),
        ("layer {", "line 1: what begins here has no end; take a fresh copy"),
        ("}", "line 1: '}' stands where a name was expected"),
        ("name 'x'", "line 1: 'name' has no value; write one behind ':'"),
        ("name: }", "line 1: '}' stands where a value was expected"),
        ("\n name: 'x", 'line 2: "\'x" is no field'),
        ("a {" * 17, "line 1: more than 16 messages lie in each other"),
        ("force: true layer { }", "line 1: 'force' is not read; leave it out"),
        (START + layer("a", "Crop", "data"), "line 2: 'Crop' is not read; known: "),
        (START + layer("a", "ReLU", "b"), "line 2: it reads 'b', which no layer before it makes"),
        (START + fc("a", "data", -1), "line 2: num_output is -1, expected 1 to 1048576"),
        (START + fc("a", "data", "'x'"), "line 2: num_output is 'x', expected a whole number"),
        (START + conv("a", "data", 1, 9), "line 2: a: "),
        (
            START + conv("a", "data", 1, 3, "spin: 1"),
            "line 2: 'spin' is not read; leave it out",
        ),
        (START + layer("s", "Scale", "data"), "line 2: a Scale is read behind a BatchNorm alone, channel"),
        (
            "\n" + layer("d", "Data", "", "data") + layer("r", "ReLU", "data"),
            "line 2: it does not say how large the pictures of 'data' are; say it with --input, such as",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, told):
    with pytest.raises(KitnetError) as caught:
        read_text(text.replace('bottom: ""', ""))
    assert str(caught.value).startswith(told)


def mutate(count):
    """Each a network or one line, at once."""
    draw, whole, signs = np.random.default_rng(0), LENET, "{}<>[]:;,'\"#0-\\ x"
    for _ in range(count):
        text = list(whole)
        for _ in range(draw.integers(1, 6)):
            text = text or [" "]
            at, n = int(draw.integers(0, len(text))), int(draw.integers(1, 20))
            match draw.integers(0, 4):
                case 0:
                    text[at] = signs[draw.integers(0, len(signs))]
                case 1:
                    del text[at : at + n]
                case 2:
                    text[at:at] = text[at : at + n]
                case 3:
                    text = text[: max(1, at)]
        began = time.perf_counter()
        try:
            read_text("".join(text), (28, 28, 1))
        except KitnetError as error:
            assert str(error).isprintable() and len(str(error)) < 600
        assert time.perf_counter() - began < 30


@pytest.mark.slow
def test_some_mutated_texts():
    mutate(150)


@pytest.mark.long
def test_mutated_texts():
    mutate(2000)
