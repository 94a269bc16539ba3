"""A narrow network of every family: the plan computes what the formulas say, with no layer left to them, and
every parameter gets a gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from catalogue import row

from kitnet.base.spec import Array
from kitnet.layers import Context, MaxPool, MeanPool, Relu, Tanh
from kitnet.net import Graph, Net, Tape, Weights, goals_of, with_goals
from kitnet.zoo import (
    alexnet,
    densenet,
    googlenet,
    inception,
    lenet1989,
    mobilenet,
    resnet,
    resnet_cifar,
    small,
    squeezenet,
    vgg,
)

NETS: dict[str, Callable[[], Net]] = {
    "lenet-1989": lenet1989.lenet1989,
    "vgg": lambda: vgg.vgg((1, 1, 2, 2, 2), last=1, width=4, size=32, units=16),
    "vgg pooled": lambda: vgg.vgg16_pooled(width=4, size=64),
    "resnet basic": lambda: resnet.resnet(resnet.basic, (1, 2, 1, 1), 1, width=4, size=64),
    "resnet bottleneck": lambda: resnet.resnet(resnet.bottleneck, (1, 1, 2, 1), 4, width=4, size=64),
    "resnet cifar": lambda: resnet_cifar.resnet(2, 4, 16),
    "resnet cifar v2": lambda: resnet_cifar.resnet_v2(2, 4, 16),
    "densenet": lambda: densenet.densenet((2, 1, 2, 1), 4, 8, 64),
    "densenet cifar": lambda: densenet.densenet_cifar(2, 4, 8, 16, bottleneck=False),
    "squeezenet1.0": lambda: squeezenet.squeezenet10(width=4, size=67),
    "squeezenet1.1": lambda: squeezenet.squeezenet11(width=4, size=64),
    "mobilenet-v1": lambda: mobilenet.mobilenet_v1(width=4, size=64),
    "mobilenet-v2": lambda: mobilenet.mobilenet_v2(width=8, size=64),
    "nin": lambda: small.nin(width=12, size=16),
    "all-cnn-c": lambda: small.all_cnn_c(width=12, size=20),
    "alexnet": lambda: alexnet.alexnet(width=4, size=64, units=16),
    "alexnet towers": lambda: alexnet.alexnet_paper(width=2, size=67, units=16),
    "zfnet": lambda: alexnet.zfnet(width=2, size=64, units=16),
    "zfnet larger": lambda: alexnet.zfnet_larger(width=2, size=64, units=16),
    "zfnet contrast": lambda: alexnet.zfnet_contrast(width=2, size=64, units=16),
    "overfeat": lambda: alexnet.overfeat(width=1, size=71, units=8),
    "googlenet": lambda: googlenet.googlenet(width=8, size=128),
    "inception-v2": lambda: inception.inception_v2(width=8, size=64),
    "inception-v3": lambda: inception.inception_v3(width=1),
    "inception-v4": lambda: inception.inception_v4(width=2, size=107),
}
QUICK = ("alexnet towers",)
MANY_KERNELS = ("googlenet", "inception-v2", "inception-v3")


def mark(name: str) -> pytest.MarkDecorator | tuple[()]:
    return () if name in QUICK else pytest.mark.long if name in MANY_KERNELS else pytest.mark.slow


EACH = pytest.mark.parametrize("name", [pytest.param(name, marks=mark(name)) for name in NETS])
SAMPLES = 3


def smooth(net: Net) -> Net:
    """With tanh for ReLU and means for maxima, which decide otherwise when the last digit changes."""
    graph = Graph()
    for node in net.graph.nodes:
        if node.layer is None:
            graph.operand(node.path, node.shape)
            continue
        layer = Tanh() if isinstance(node.layer, Relu) else node.layer
        if isinstance(layer, MaxPool):
            layer = MeanPool(
                **{name: getattr(layer, name) for name in ("window", "stride", "pad", "on_misfit")}
            )
        graph.add(node.path, layer, *node.inputs)
    for name, i in net.graph.outputs.items():
        graph.output(name, i)
    return Net(graph)


def by_formula(net: Net, x: Array, labels: Mapping[str, Array]) -> tuple[Tape, Weights]:
    """The losses of a training step, and the gradients of their means, in float64."""
    goals = goals_of(net.graph)
    graph, weights = with_goals(net.graph, goals), net.weights.astype(np.float64)
    targets = {goal.target: goal.spread(labels[goal.output], np.float64) for goal in goals}
    tape = Tape(graph, weights, net.state, Context(train=True), {"input": x, **targets})
    found = tape.backward({name: np.full(len(x), 1 / len(x)) for name in graph.outputs}, operands=False)
    gradient = weights.like()
    for path, view in gradient.items():
        view[...] = found[path]
    return tape, gradient


@row(66, 103, 105, 106, 107, 108, 109, 110, 111, 112, 132)
@EACH
def test_plan_and_formula_agree(name: str) -> None:
    net = smooth(NETS[name]()).initialise(1)
    random = np.random.default_rng(0)
    x = random.standard_normal((SAMPLES, *net.input_shape), np.float32)
    labels = {output: random.integers(0, shape[-1], SAMPLES) for output, shape in net.outputs.items()}
    tape, want = by_formula(net, x, labels)
    step = net.compile(SAMPLES, "gradient")
    assert step.plan.formula_steps == 0
    losses, _ = step(x, labels if len(labels) > 1 else labels["output"])
    for output, expected in tape.outputs.items():
        found = losses[output.removeprefix("loss-")] if isinstance(losses, Mapping) else losses
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    # where a norm follows, a shift before it changes nothing, and what comes back is rounding
    rounding = 1e-5 * max(np.abs(gradient).max() for gradient in want.values())
    for path, gradient in want.items():
        assert step.gradient[path].any(), f"{path} gets no gradient"
        bound = 1e-3 * np.abs(gradient).max() + rounding
        np.testing.assert_allclose(step.gradient[path], gradient, rtol=0, atol=bound, err_msg=path)


@EACH
def test_scores(name: str) -> None:
    """With its own ReLUs and maxima, in both layouts."""
    net = NETS[name]().initialise(1)
    x = np.random.default_rng(0).standard_normal((SAMPLES, *net.input_shape), np.float32)
    tape = net.tape(x)
    for layout in ("images", "channels"):
        scores = net.compile(SAMPLES, layout=layout)
        assert scores.plan.formula_steps == 0
        found = scores(x)
        for output, want in tape.outputs.items():
            given = found[output] if len(net.outputs) > 1 else found
            np.testing.assert_allclose(given, want, rtol=0, atol=1e-5 * np.abs(want).max())
