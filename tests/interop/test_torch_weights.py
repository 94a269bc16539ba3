"""State dicts of PyTorch: read in both of its forms and from safetensors, by the names of libraries, and
back; what is damaged or malicious is one line."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changes import changed, check_changed
from weight_files import LINE, Global, Tensor, drawn, pickled, same, tensors, write_row, write_zip

from kitnet.base.error import KitnetError
from kitnet.files import write_tensors
from kitnet.interop.weights import import_weights, state_dict, torch_writing, write_torch
from kitnet.interop.weights.dialects import TORCH, of_classes, with_layers
from kitnet.layers import BatchNorm
from kitnet.net import Net, parse
from kitnet.zoo import find


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def net() -> Net:
    return drawn()


def refusal(path: Path | str, model: str = LINE, **given: Any) -> str:
    with pytest.raises(KitnetError) as caught:
        import_weights(path, model, **given)
    return str(caught.value)


def arrays_of(net: Net) -> dict[str, Any]:
    """The arrays as PyTorch has them, written without the code that is tested."""
    found = {}
    for path, array in net.weights.items():
        name = path.replace("scale", "weight").replace("shift", "bias")
        turned = array.T
        if array.ndim == 4:
            turned = np.einsum("rsck->kcrs", array)
        elif path == "fc1.weight":  # behind 3x3x4
            turned = np.stack([np.einsum("hwc->chw", unit.reshape(3, 3, 4)).ravel() for unit in array.T])
        found[name] = np.ascontiguousarray(turned)
    for name, kept in (("running_mean", "mean"), ("running_var", "var")):
        found[f"batchnorm1.{name}"] = net.state["batchnorm1"][kept]
    return {**found, "batchnorm1.num_batches_tracked": np.int64([7])}


def test_both_forms_of_torch_save_and_safetensors(net: Net) -> None:
    arrays = arrays_of(net)
    write_zip(Path("a.pth"), tensors(arrays), [*arrays.values()])
    write_row(Path("b.pth"), tensors(arrays), [*arrays.values()])
    write_tensors(Path("c.safetensors"), arrays, {"format": "pt"})
    for name in ("a.pth", "b.pth", "c.safetensors"):
        found = import_weights(name, LINE)
        assert same(found.net, net)
        assert found.match.lines() == [
            "12 of 12 arrays matched by the names of kitnet",
            "left in the file: 1 of num_batches_tracked, which nothing here reads",
        ]


def test_back_and_again_are_the_same_bits(net: Net) -> None:
    found = state_dict(net)
    assert (found.model, found.library) == ("", "kitnet")
    expected = arrays_of(net)
    assert found.arrays.keys() == expected.keys()
    for name in set(expected) - {"batchnorm1.num_batches_tracked"}:
        np.testing.assert_array_equal(found.arrays[name], expected[name])
    for name in ("a.pth", "b.safetensors"):
        write_torch(Path(name), found)
        assert same(import_weights(name, LINE).net, net)
    before = Path("a.pth").read_bytes()
    write_torch(Path("a.pth"), found)
    assert Path("a.pth").read_bytes() == before
    with pytest.raises(KitnetError, match=r"^c\.h5: give a name that ends in \.safetensors, \.pth or \.pt$"):
        write_torch(Path("c.h5"), found)


def test_views_of_one_storage_and_other_types(net: Net) -> None:
    """Turned axes, an offset, half precision and bfloat16."""
    arrays = arrays_of(net)
    weight = arrays["fc2.weight"]  # 3x5
    row = np.concatenate([np.float32([9, 9]), weight.T.ravel()])
    state = tensors(arrays)
    state["fc2.weight"] = Tensor(weight, "99", 2, (1, 3))
    state["fc2.weight"].storage = lambda: ("storage", Global("torch", "FloatStorage"), "99", "cpu", row.size)
    half = arrays["fc1.bias"].astype(np.float16)
    state["fc1.bias"].storage = lambda: ("storage", Global("torch", "HalfStorage"), "98", "cpu", half.size)
    brain = (arrays["conv1.bias"].view(np.uint32) >> 16).astype(np.uint16)
    kind = Global("torch", "BFloat16Storage")
    state["conv1.bias"].storage = lambda: ("storage", kind, "97", "cpu", brain.size)
    write_zip(Path("a.pth"), state, [*arrays.values()])
    with zipfile.ZipFile("a.pth", "a") as archive:
        for key, one in (("99", row), ("98", half), ("97", brain)):
            archive.writestr(f"archive/data/{key}", one.tobytes())
    found = import_weights("a.pth", LINE).net
    np.testing.assert_array_equal(found.weights["fc2.weight"], weight.T)
    np.testing.assert_array_equal(found.weights["fc1.bias"], half.astype(np.float32))
    wanted = (brain.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(found.weights["conv1.bias"], wanted)


def test_checkpoints_of_scripts_and_prefixes_are_told(net: Net) -> None:
    arrays = arrays_of(net)
    state = {f"module.{name}": one for name, one in tensors(arrays).items()}
    write_zip(Path("a.pth"), {"epoch": 3, "state_dict": state, "best": 0.5}, [*arrays.values()])
    found = import_weights("a.pth", LINE)
    assert same(found.net, net)
    assert found.match.lines()[1:3] == [
        "the arrays are those under 'state_dict'; passed over: 'epoch', 'best'",
        "every name begins with 'module.', which was left out",
    ]


def test_what_is_missing_left_or_of_another_shape(net: Net) -> None:
    arrays = arrays_of(net)
    del arrays["conv2.bias"]
    arrays |= {"fc2.weight": np.ones((4, 5), np.float32), "other": np.ones(2, np.float32)}
    write_zip(Path("a.pth"), tensors(arrays), [*arrays.values()])
    assert refusal("a.pth") == (
        "a.pth: fc2.weight is 4x5, expected 3x5 and it has no conv2.bias; choose another --model, say "
        "--classes, or take what fits with --partial"
    )
    found = import_weights("a.pth", LINE, partial=True)
    assert found.match.lines() == [
        "10 of 12 arrays matched by the names of kitnet",
        "another shape: fc2.weight is 4x5, expected 3x5",
        "missing in the file: conv2.bias",
        "left in the file: 1 of num_batches_tracked, which nothing here reads",
        "left in the file: other",
    ]
    drawn_anew = parse(LINE)
    np.testing.assert_array_equal(found.net.weights["fc2.weight"], drawn_anew.weights["fc2.weight"])
    np.testing.assert_array_equal(found.net.weights["fc1.weight"], net.weights["fc1.weight"])


def test_other_classes() -> None:
    net = drawn(LINE.replace("fc3", "fc7"))
    write_torch(Path("a.pth"), state_dict(net))
    assert same(import_weights("a.pth", LINE, classes=7).net, net)


def test_numbers_that_are_none(net: Net) -> None:
    for name, value, wrong in (
        ("conv1.bias", np.nan, "has numbers that are not finite; take another file"),
        ("batchnorm1.running_var", -1, "has a variance below 0; take another file"),
    ):
        arrays = arrays_of(net)
        arrays[name] = np.full_like(arrays[name], value)
        write_zip(Path("a.pth"), tensors(arrays), [*arrays.values()])
        assert refusal("a.pth") == f"a.pth: {name!r} {wrong}"


# Names of libraries


def smaller(model: str) -> Net:
    """The network, as narrow as it is still itself."""
    widths = {"inception-v3": {"width": 4}, "alexnet": {"width": 8, "units": 16}}
    given = widths.get(model, {"width": 8})
    given |= {"units": 16} if model.startswith("vgg") else {}
    given |= {"growth": 4} if model.startswith("densenet") else {}
    return find(model).build(**given)


@pytest.mark.parametrize("model", [each for each in TORCH if each not in ("resnet1202", "resnet110")])
@pytest.mark.sample(8)
def test_every_array_has_a_name_of_its_own(model: str) -> None:
    """There and back by each library's names is the same network."""
    for dialect in TORCH[model]:
        graph = smaller(model).graph
        slots = dialect.slots(graph)
        assert len({slot.name for slot in slots}) == len(slots)
        paths = {slot.path for slot in slots}
        state = {
            f"{node.path}.{name}"
            for node in graph.nodes
            if node.layer is not None
            for name in node.layer.state(*graph.shapes_into(node))
        }
        assert paths == {*graph.params()} | state
        draw = np.random.default_rng(0)
        for slot in slots[:12] + slots[-12:]:
            array = draw.standard_normal(slot.shape)
            np.testing.assert_array_equal(slot.back(slot.turn(array)).reshape(slot.shape), array)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("alexnet", {"conv2.weight": "features.3.weight", "fc3.bias": "classifier.6.bias"}),
        (
            "vgg16:bn",
            {"stage5.batchnorm3.mean": "features.41.running_mean", "fc2.weight": "classifier.3.weight"},
        ),
        ("resnet50", {"stage2.residual1.shortcut.batchnorm1.scale": "layer2.0.downsample.1.weight"}),
        ("resnet18", {"stage4.residual2.body.conv2.weight": "layer4.1.conv2.weight", "fc1.bias": "fc.bias"}),
        ("densenet121", {"block3.23.1.conv2.weight": "features.denseblock3.denselayer24.conv2.weight"}),
        ("mobilenet-v2", {"stage7.conv3.weight": "features.17.conv.2.weight"}),
        ("squeezenet1.1", {"fire9.concat1.1.conv1.bias": "features.12.expand3x3.bias"}),
        ("inception-v3", {"stage3.concat3.2.concat1.1.conv1.weight": "Mixed_7c.branch3x3dbl_3b.conv.weight"}),
        ("googlenet:bn", {"inception5b.3.conv1.weight": "inception5b.branch4.1.conv.weight"}),
        ("resnet20", {"stage3.residual1.body.batchnorm2.var": "layer3.0.bn2.running_var"}),
    ],
)
def test_names_as_the_library_has_them(model: str, names: dict[str, str]) -> None:
    found = {slot.path: slot.name for slot in TORCH[model][0].slots(find(model).build().graph)}
    assert {path: found[path] for path in names} == names


def test_a_shortcut_with_zeros_on_both_sides() -> None:
    """The channels that `akamaster` has in another order give the same scores."""
    net = find("resnet20").build(width=4, size=8).initialise(3)
    slots = {slot.path: slot for slot in TORCH["resnet20"][0].slots(net.graph)}
    orders = TORCH["resnet20"][0].orders(net.graph)
    assert orders.given["stage2.residual1.body.conv2"] == (2, 3, 4, 5, 0, 1, 6, 7)
    third = (6, 7, 8, 9, 4, 5, 10, 11, 0, 1, 2, 3, 12, 13, 14, 15)
    assert orders.given["stage3.residual3.body.batchnorm2"] == third == orders.read["fc1"]
    assert orders.read["stage3.residual1.body.conv1"] == (2, 3, 4, 5, 0, 1, 6, 7)
    back = slots["fc1.weight"].back(net.weights["fc1.weight"])
    np.testing.assert_array_equal(back[:, list(third)], net.weights["fc1.weight"].T)


def test_state_dicts_say_whose_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_writing, "TORCH", {"resnet18": TORCH["resnet18"]})
    small = of_classes(find("resnet18").build(), 7)
    assert torch_writing.known(small)[0] == "resnet18"
    # with an eps of its own it computes something else than torchvision's
    other = with_layers(small, {"batchnorm1": BatchNorm(eps=1e-3)})
    assert torch_writing.known(other)[0] == ""
    with pytest.raises(KitnetError) as caught:
        state_dict(parse("8x8x1 -> conv3-4 flip=yes -> fc3"))
    assert str(caught.value) == (
        "conv1: conv3-4 flip=yes has no counterpart in PyTorch; conv, fc and batchnorm have one"
    )


# What is damaged, malicious or something else


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch made",)


def test_files_that_call_something() -> None:
    write_zip(Path("a.pth"), None, [], pickle.dumps({"fc1.weight": Evil()}, 2))
    assert refusal("a.pth") == (
        f"a.pth: the pickle calls {os.system.__module__}.system, and only arrays of numbers are made; save "
        "the model's state_dict(), not the model"
    )
    assert not Path("made").exists()
    write_zip(Path("a.pth"), None, [], b"\x80\x02ctorch.nn\nLinear\n)\x81}b.")
    assert refusal("a.pth") == (
        "a.pth: the pickle has the opcode b'\\x81', and only numbers, texts and arrays are read"
    )


def lying(**fields: Any) -> bytes:
    """A tensor that says something of itself that is not so."""
    one = Tensor(np.ones((2, 3), np.float32), "0")
    for name, value in fields.items():
        setattr(one, name, value)
    return pickled({"fc1.weight": one})


def test_sizes_that_lie() -> None:
    row = [np.ones((2, 3), np.float32)]
    reaches = "a.pth: an array reaches beyond its storage; take a fresh copy"
    for wrong in (lying(offset=1), lying(strides=(1 << 40, 1)), lying(strides=(4, 1))):
        write_zip(Path("a.pth"), None, row, wrong)
        assert refusal("a.pth") == reaches
    huge = np.broadcast_to(np.float32(1), (1 << 20, 1 << 20))
    one = Tensor(huge, "0", 0, (0, 0))
    one.storage = lambda: ("storage", Global("torch", "FloatStorage"), "0", "cpu", 6)  # type: ignore[method-assign]
    write_zip(Path("a.pth"), None, row, pickled({"fc1.weight": one}))
    assert refusal("a.pth") == reaches
    write_zip(Path("a.pth"), None, row, lying(offset=-1))
    assert refusal("a.pth") == "a.pth: the pickle is damaged; take a fresh copy"
    write_zip(Path("a.pth"), None, [np.ones(5, np.float32)], lying())
    assert refusal("a.pth") == "a.pth: 'archive/data/0' has not as many bytes as it should; take a fresh copy"
    write_zip(Path("a.pth"), None, [], lying())
    assert refusal("a.pth") == "a.pth: the numbers of 'archive/data/0' are missing; take a fresh copy"
    kind = Global("torch", "ComplexFloatStorage")
    one = Tensor(row[0], "0")
    one.storage = lambda: ("storage", kind, "0", "cpu", 6)  # type: ignore[method-assign]
    write_zip(Path("a.pth"), None, row, pickled({"fc1.weight": one}))
    assert refusal("a.pth") == (
        "a.pth: the pickle has numbers of 'torch.ComplexFloatStorage', which are not read; take a fresh "
        "copy, or save the model's state_dict() again"
    )


def test_a_dictionary_that_holds_itself() -> None:
    state = pickled({"a": Tensor(np.ones(1, np.float32), "0")})
    cyclic = b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."
    write_zip(Path("a.pth"), None, [], cyclic)
    no_arrays = "it holds no arrays by name; save the model's state_dict()"
    assert refusal("a.pth") == f"a.pth: {no_arrays}"
    first = [pickled(each, legacy=True) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    Path("b.pth").write_bytes(b"".join([*first, cyclic, pickled([])]))
    assert refusal("b.pth") == f"b.pth: {no_arrays}"
    assert len(state) < 300


def test_archives_that_are_none() -> None:
    with zipfile.ZipFile("a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"0" * 10_000)
    assert refusal("a.pth") == "a.pth: its parts are larger than it is; take a fresh copy"
    with zipfile.ZipFile("a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", os.urandom(100))
        archive.writestr("filling", bytes(range(256)) * 4, zipfile.ZIP_STORED)
    assert refusal("a.pth") == (
        "a.pth: its parts are compressed, which PyTorch and Keras never do; save it again"
    )
    with zipfile.ZipFile("a.pth", "w") as archive:
        archive.writestr("a.txt", "x")
    assert refusal("a.pth") == "a.pth: an archive without a data.pkl; give what torch.save wrote"
    write_zip(Path("a.pth"), [1, 2], [])
    assert refusal("a.pth") == "a.pth: it holds no dictionary of arrays; save the model's state_dict()"
    Path("a.pth").write_bytes(pickle.dumps({"a": 1}, 2))
    assert refusal("a.pth") == (
        "a.pth: a pickle, but not one of torch.save; give a file that torch.save wrote"
    )
    Path("a.pth").write_bytes(b"pickle\n0 tensors\nand more")
    assert refusal("a.pth") == (
        "a.pth: no file of torch.save, or one of before 2017, which is not read; save it again"
    )
    assert refusal("none.pth") == ("none.pth: cannot be read (No such file or directory); check the file")
    assert refusal("a.pth", None) == (
        "a.pth: it has arrays without a network; say which one with --model, such as resnet50"
    )
    write_zip(Path("a.pth"), tensors({"other": np.ones(1, np.float32)}), [np.ones(1, np.float32)])
    assert refusal("a.pth", "lenet5-modern") == (
        "a.pth: none of its names, such as other, is one of 'lenet5-modern' in kitnet"
    )


@pytest.mark.parametrize("form", [write_zip, write_row])
@pytest.mark.parametrize("number", [30, pytest.param(2000, marks=pytest.mark.long)])
def test_changed_files(net: Net, form: Any, number: int) -> None:
    arrays = arrays_of(net)
    content = form(Path("a.pth"), tensors(arrays), [*arrays.values()]).read_bytes()

    def read(draw: np.random.Generator) -> None:
        Path("b.pth").write_bytes(changed(content, draw))
        found = import_weights("b.pth", LINE).net
        assert form is write_row or same(found, net)  # an archive has sums of its bits

    check_changed(read, number)
