"""Keras' files, made here with h5py as Keras writes them: by the names of its applications, and in order."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from changes import changed, check_changed
from weight_files import drawn, same

from kitnet.base.error import KitnetError
from kitnet.files import keras_process
from kitnet.files.keras_file import read_here
from kitnet.interop.weights import import_weights
from kitnet.interop.weights.keras_names import APPLICATIONS
from kitnet.layers import BatchNorm, Convolution
from kitnet.net import Net, parse
from kitnet.zoo import find

LINE = "6x6x2 -> conv3-4 same -> batchnorm eps=0.001 -> relu -> conv3-4 groups=4 same -> maxpool2 -> fc3"
IN_ORDER = (
    "layers were matched by their order among those of their kind; an eps of Keras' norms, usually 0.001, is "
    "in no such file: write it into the line"
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def net() -> Net:
    return drawn(LINE)


def layers_of(net: Net) -> dict[str, tuple[str, list[Any]]]:
    """Keras' groups and their arrays, by the keys of Keras 3, with the layers' names."""
    w, s = net.weights, net.state["batchnorm1"]
    norm = [w["batchnorm1.scale"], w["batchnorm1.shift"], s["mean"], s["var"]]
    return {
        "batch_normalization": ("norm", norm),
        "conv2d": ("first", [w["conv1.weight"], w["conv1.bias"]]),
        "dense": ("scores", [w["fc1.weight"], w["fc1.bias"]]),
        "depthwise_conv2d": ("second", [w["conv2.weight"].reshape(3, 3, 4, 1), w["conv2.bias"]]),
    }


def write_h5(path: str, layers: dict[str, tuple[str, list[Any]]]) -> None:
    with h5py.File(path, "w") as file:
        for key, (name, arrays) in layers.items():
            held = file.create_group(f"layers/{key}/vars")
            held.attrs["name"] = name
            for i, array in enumerate(arrays):
                held[str(i)] = array


def write_older(path: str, net: Net) -> None:
    """Of Keras 2: the order is in attributes."""
    words = {"norm": ["gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"]}
    layers = layers_of(net)
    order = [layers[key] for key in ("conv2d", "batch_normalization", "depthwise_conv2d", "dense")]
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name, _ in order] + [b"re_lu"]
        root.create_group("re_lu").attrs["weight_names"] = np.zeros(0)
        for name, arrays in order:
            kernel = "depthwise_kernel:0" if name == "second" else "kernel:0"
            names = [f"{name}/{word}" for word in words.get(name, [kernel, "bias:0"])]
            group = root.create_group(name)
            group.attrs["weight_names"] = [each.encode() for each in names]
            for each, array in zip(names, arrays, strict=True):
                group[each] = array


def refusal(path: str, model: str = LINE) -> str:
    with pytest.raises(KitnetError) as caught:
        import_weights(path, model)
    return str(caught.value)


def test_all_three_forms_in_order(net: Net) -> None:
    write_h5("a.weights.h5", layers_of(net))
    write_older("b.h5", net)
    with zipfile.ZipFile("c.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.write("a.weights.h5", "model.weights.h5")
    for name in ("a.weights.h5", "b.h5", "c.keras"):
        found = import_weights(name, LINE)
        assert same(found.net, net)
        assert found.match.lines() == ["10 of 10 arrays matched by the names of Keras, in order", IN_ORDER]


def test_a_norm_without_gamma_and_a_bias_before_it() -> None:
    """The bias goes off the mean behind it, and the scores are those with the bias."""
    line = LINE.replace("conv3-4 same", "conv3-4 same bias=no", 1)
    net = drawn(line)
    layers = layers_of(drawn(LINE))
    (_, (kernel, bias)), (_, norm) = layers["conv2d"], layers["batch_normalization"]
    layers["batch_normalization"] = ("norm", norm[1:])
    write_h5("a.weights.h5", layers)
    found = import_weights("a.weights.h5", line)
    assert found.match.lines()[2:] == [
        "1 norms have no gamma, which is 1",
        "the biases of 1 layers were taken off the means behind them",
    ]
    whole = parse(LINE).adopt({**drawn(LINE).weights, "batchnorm1.scale": np.ones(4)}, drawn(LINE).state)
    x = np.random.default_rng(0).standard_normal((3, 6, 6, 2)).astype(np.float32)
    np.testing.assert_allclose(found.net(x), whole(x), atol=1e-5)
    assert net.weights["conv1.weight"].shape == kernel.shape and bias.any()


@pytest.mark.parametrize("model", APPLICATIONS)
def test_every_layer_has_the_name_of_an_application(model: str) -> None:
    application, graph = APPLICATIONS[model], find(model).build().graph
    names = application.names(graph)
    learned = {path.rpartition(".")[0] for path in graph.params() if not path.startswith("aux.")}
    assert {*names} == learned and len({*names.values()}) == len(names)
    known = {
        "vgg16": ("stage5.conv3", "block5_conv3"),
        "vgg19": ("fc3", "predictions"),
        "resnet50:v1": ("stage2.residual1.shortcut.batchnorm1", "conv3_block1_0_bn"),
        "densenet121": ("block4.15.1.conv2", "conv5_block16_2_conv"),
        "densenet169": ("transition3.conv1", "pool4_conv"),
        "densenet201": ("block1.0.1.batchnorm1", "conv2_block1_0_bn"),
        "inception-v3": ("stage3.concat3.3.batchnorm1", "batch_normalization_93"),
        "mobilenet-v2": ("stage7.batchnorm3", "block_16_project_BN"),
    }
    path, name = known[model]
    assert names[path] == name


def test_what_applications_do_otherwise() -> None:
    graph = find("mobilenet-v2").build().graph
    layers = APPLICATIONS["mobilenet-v2"].layers(graph)
    first, norm = layers["conv1"], layers["batchnorm1"]
    assert isinstance(first, Convolution) and first.pad == ((0, 1), (0, 1))
    assert isinstance(norm, BatchNorm) and norm.eps == 1e-3
    of_densenet = APPLICATIONS["densenet121"].layers(find("densenet121").build().graph)
    assert {layer.eps for layer in of_densenet.values() if isinstance(layer, BatchNorm)} == {1.001e-5}


def test_what_is_refused(net: Net) -> None:
    write_h5("a.weights.h5", layers_of(net))
    assert refusal("a.weights.h5", LINE.replace("fc3", "fc4 -> relu -> fc3")) == (
        "a.weights.h5: it has 1 linear layers, but the network 2; give its own line"
    )
    assert refusal("a.weights.h5", LINE.replace("relu", "prelu")) == (
        "a.weights.h5: prelu1: prelu has no counterpart in Keras that is read"
    )


def damage(path: str) -> str:
    with pytest.raises(KitnetError) as caught:
        read_here(Path(path))
    return str(caught.value)


def test_only_what_lies_in_the_file_is_read(net: Net) -> None:
    write_h5("a.weights.h5", layers_of(net))
    with h5py.File("a.weights.h5", "a") as file:
        file["layers/link"] = h5py.ExternalLink("/etc/other.h5", "/")
    assert damage("a.weights.h5") == ("'link' is a link; only what lies in the file is read")
    for word, given in (("compression", "gzip"), ("external", [("other", 0, 3 * 36 * 4)])):
        write_h5("a.weights.h5", layers_of(net))
        with h5py.File("a.weights.h5", "a") as file:
            del file["layers/dense/vars/0"]
            file["layers/dense/vars"].create_dataset("0", (36, 3), "f4", **{word: given})
        assert damage("a.weights.h5") == (
            "the numbers of '/layers/dense/vars/0' do not lie as they are in the file; save it again"
        )
    with h5py.File("b.h5", "w") as file:
        file["layers/a"] = h5py.SoftLink("/layers")
    assert damage("b.h5") == "'a' is a link; only what lies in the file is read"
    with h5py.File("b.h5", "w") as file:
        group = file.create_group("layers")
        group["again"] = group
    assert damage("b.h5") == "groups lie in each other without end; take a fresh copy"
    Path("b.h5").write_bytes(b"\x89HDF\r\n\x1a\n and more")
    assert damage("b.h5") == "no whole file of Keras' weights; take a fresh copy"


def test_a_file_on_which_the_library_fails(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here for want of memory; a crash is told alike."""
    write_h5("a.weights.h5", layers_of(net))
    monkeypatch.setattr(keras_process, "MEMORY", 1 << 20)
    assert refusal("a.weights.h5") == (
        "a.weights.h5: the file is damaged, so that HDF5 cannot read it; take a fresh copy"
    )


@pytest.mark.parametrize("number", [3, pytest.param(2000, marks=pytest.mark.long)])
def test_changed_files(net: Net, number: int) -> None:
    write_h5("a.h5", layers_of(net))
    content = Path("a.h5").read_bytes()

    def read(draw: np.random.Generator) -> None:
        Path("b.h5").write_bytes(changed(content, draw))
        import_weights("b.h5", LINE)

    check_changed(read, number)
