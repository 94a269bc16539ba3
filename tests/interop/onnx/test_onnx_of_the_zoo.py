"""Every network of the zoo in ONNX: small ones in CI, all at their own size by hand."""

import gc

import numpy as np
import onnx
import pytest

from kitnet.interop.onnx.writing import onnx_of_network, returned
from kitnet.zoo import MODELS, find

QUICK = ("lenet-1989",)
SAMPLE = ("lenet5-1998", "hmax", "neocognitron", "vae", "resnet20", "densenet40", "airbench", "squeezenet1.1")
# Untrained, numbers grow with the depth beyond what float32 holds, unless norms scale them down.
DEEP = ("resnet1202", "resnet1001:v2")


def mark(name):
    return () if name in QUICK else pytest.mark.slow if name in SAMPLE else pytest.mark.long


@pytest.mark.parametrize("name", [pytest.param(name, marks=mark(name)) for name in MODELS])
def test_a_network_of_the_zoo(name):
    net = find(name).build().initialise(1)
    for path, array in net.weights.items():
        if name in DEEP and path.endswith("scale"):
            array[...] = 0.05
    file = onnx_of_network(net)
    assert file.difference <= 1e-5
    back = returned(onnx.load_from_string(file.content))
    assert back == net and str(back) == str(net)
    assert np.array_equal(back.weights.flat, net.weights.flat)
    del net, back, file
    gc.collect()
