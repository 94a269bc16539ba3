"""The studio of a network that lies in an ONNX file."""

import numpy as np
import onnx

import kitnet
from kitnet.interop.onnx.writing.exporting import onnx_of_network
from kitnet.train import load_network


def test_it_begins_with_the_network_and_the_weights(make, tmp_path):
    made = onnx.ModelProto.FromString(
        onnx_of_network(kitnet.parse("8x8x1 -> conv3-4 same -> relu -> fc10")).content
    )
    del made.metadata_props[:]  # of others
    onnx.save(made, tmp_path / "net.onnx")
    run = make(model=str(tmp_path / "net.onnx")).loop.run
    assert str(run.model.net) == "a graph of 4 values from input 8x8x1 to output 10"
    for path, array in load_network(tmp_path / "net.onnx").weights.items():
        assert np.array_equal(run.model.net.weights[path], array)
