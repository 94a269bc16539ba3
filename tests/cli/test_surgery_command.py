"""`kitnet surgery`: the changed model is a whole one, what does not go together is refused, and sliding over
an image is told with its crops."""

from __future__ import annotations

import json

import numpy as np
import pytest
from catalogue import row
from patterns import patterns
from PIL import Image

import kitnet
from kitnet.base.error import KitnetError, shorten
from kitnet.cli import run
from kitnet.layers import Add
from kitnet.train import Model, load_network

PLAIN = "8x8x1 -> conv3-4 -> batchnorm -> tanh -> maxpool2 -> fc12 -> tanh -> fc10"


@pytest.fixture(scope="session")
def plain(tmp_path_factory, easy):
    """A run of a network that does not pad, and normalises."""
    runs = tmp_path_factory.mktemp("plain")
    words = ["train", PLAIN, "--data", easy, "--epochs", "12", "--batch", "10", "--engine", "formula"]
    assert run([*words, "--runs", str(runs)]) == 0
    return str(runs / "net-1")


@pytest.fixture
def wall(here):
    """A picture of 2 x 3 patterns, 16x24."""
    tiles = patterns(6, 2)[0].reshape(2, 3, 8, 8)
    Image.fromarray(tiles.transpose(0, 2, 1, 3).reshape(16, 24)).save(here / "wall.png")
    return "wall.png"


@pytest.mark.slow
def test_the_whole_way_as_a_process(start, plain, easy, picture, here):
    def ended(*words):
        process = start(*words)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        return out

    out = ended("surgery", plain, "--fold", "--convolve", "-o", "new.safetensors")
    assert out.startswith("8x8x1 -> conv3-4 -> tanh -> maxpool2 -> fc1:conv3-12 -> tanh -> fc2:conv1-10\n")
    assert "output 1x1x10, 614 parameters\n" in out
    assert "wrote new.safetensors: 8 golden images, scores differ from the old ones by at most " in out
    assert ended("verify", "new.safetensors").startswith("new.safetensors: 8 golden images give the recorded")
    models = (plain, "new.safetensors")
    old, new = (json.loads(ended("evaluate", one, "--data", easy, "--json")) for one in models)
    assert new["test_accuracy"] == old["test_accuracy"] > 0.9
    assert new["test_loss"] == pytest.approx(old["test_loss"], rel=1e-4)
    assert ": 3 " in ended("predict", "new.safetensors", picture("three.png", 3, 4))
    totals = json.loads(ended("show", "new.safetensors", "--json"))["totals"]
    assert totals["parameters"] == 40 + 36 * 12 + 12 + 130


def test_a_changed_model_keeps_what_is_not_changed(say, plain):
    assert say("surgery", plain, "--rename", "conv1=first", "fc2=last", "-o", "n.safetensors").status == 0
    old, new = Model.load(plain), Model.load("n.safetensors")
    assert (new.classes, new.preparation, new.loss) == (old.classes, old.preparation, old.loss)
    assert np.array_equal(Model.golden(plain)[0], Model.golden("n.safetensors")[0])
    assert np.array_equal(new.net.weights["first.weight"], old.net.weights["conv1.weight"])
    assert np.array_equal(new.net.state["batchnorm1"]["var"], old.net.state["batchnorm1"]["var"])


def test_an_enlarged_model_averages(say, plain):
    said = say("surgery", plain, "--convolve", "--input", "12x10", "--average", "-o", "n.safetensors")
    assert said.status == 0 and "differ" not in said.out
    old, new = Model.load(plain), Model.load("n.safetensors")
    assert (new.preparation.input, new.preparation.resize) == ((12, 10, 1), (12, 10))
    assert (new.preparation.mean, new.preparation.std) == (old.preparation.mean, old.preparation.std)
    assert Model.verify("n.safetensors")[0] == 8


def test_another_head_has_other_classes(say, refused, plain):
    assert refused("surgery", plain, "--head", "fc2", "-o", "n.safetensors") == (
        "an output of 2 is not one score for each of 10 classes; name as many classes as it has; "
        "--network-only writes the network without classes"
    )
    assert say("surgery", plain, "--head", "fc2", "--classes", "cat, dog", "-o", "n.safetensors").status == 0
    assert Model.load("n.safetensors").classes == ("cat", "dog")


def test_models_of_images(plain):
    """What a changed network needs to be one."""
    model = Model.load(plain)
    g = kitnet.Graph()
    g.output("sum", g.add("add", Add(), g.operand("a", (10,)), g.operand("b", (10,))))
    with pytest.raises(KitnetError) as caught:
        model.with_network(kitnet.Net(g))
    assert str(caught.value) == "a network of 2 inputs; a model of images has one"
    with pytest.raises(KitnetError) as caught:
        model.with_network(kitnet.parse("8x8x3 -> fc10"))
    assert str(caught.value) == "preparation: it is for inputs of depth 1, not 3"
    with pytest.raises(KitnetError) as caught:
        kitnet.parse("8x8x1 -> fc9").share(model.net)
    assert str(caught.value) == "only networks with equal parameters share their arrays"


def test_saved_models_say_their_misfits(refused, plain):
    assert refused("show", plain, "--on-misfit", "floor") == (
        f"--on-misfit is for names and lines; {shorten(plain)} is a saved model"
    )
    assert refused("show", plain, "--set", "N=2") == (
        f"--set is for names and lines; {shorten(plain)} is a saved model"
    )
    long = "a" * 5000
    assert refused("show", long).startswith("unknown model 'aaa")


def test_networks_alone(say, say_json, plain):
    words = ("--cut", "maxpool1", "--network-only", "-o", "n.safetensors")
    assert say("surgery", plain, *words).out.endswith("wrote n.safetensors\n")
    net = load_network("n.safetensors")
    assert net.output_shape == (3, 3, 4)
    assert np.array_equal(net.weights["conv1.weight"], Model.load(plain).net.weights["conv1.weight"])
    found = say_json("surgery", "n.safetensors", "--fold")
    assert found["network"] == "8x8x1 -> conv3-4 -> tanh -> maxpool2"
    assert (found["outputs"], found["parameters"], found["not_folded"]) == ({"output": [3, 3, 4]}, 40, {})
    assert say_json("show", "n.safetensors", "--input", "10x10x1")["totals"]["parameters"] == 48


@row(77)
def test_77_of_the_zoo_nothing_is_drawn(say):
    out = say("surgery", "vgg16", "--convolve", "--input", "384x384").out
    assert out.startswith("384x384x3 -> stage1:[[conv3-64 same -> relu]*2 -> maxpool2] -> stage2:")
    assert out.endswith(
        "-> fc3:conv1-1000\noutput 6x6x1000, 36 positions, 138,357,544 parameters\non larger images scores "
        "are not those of crops: padding, or means over the whole image, have a part in them through "
        "stage1.conv1, stage1.conv2, stage2.conv1 and 10 more\n"
    )


@pytest.mark.parametrize(
    ("line", "through", "said"),
    [
        ("8x8x1 -> conv3-4 -> fc6 -> layernorm -> fc3", [], ""),
        (
            "8x8x1 -> conv3-4 -> groupnorm2 -> fc3",
            ["groupnorm1"],
            "on larger images scores are not those of crops: padding, or means over the whole image, have a "
            "part in them through groupnorm1\n",
        ),
        (
            "4x4x1 -> meanpool global -> upsample2 -> fc3",
            None,
            "it does not slide over larger images: upsample1: a step in what upsample gives is no whole step "
            "in the image, so that the network does not slide over it\n",
        ),
    ],
)
def test_what_sliding_changes_is_told_where_a_network_is_made_to_slide(say, say_json, line, through, said):
    assert say("surgery", line, "--convolve").out.partition(" parameters\n")[2] == said
    assert say_json("surgery", line, "--convolve")["borders_through"] == through
    assert say_json("surgery", line, "--rename", "fc1=last")["borders_through"] is None


def test_what_stays_is_told(say):
    out = say("surgery", "8x8x2 -> batchnorm -> conv3-4 -> batchnorm -> relu -> fc3", "--fold").out
    assert out.splitlines()[-1] == (
        "not folded: batchnorm1, since it follows input (an operand), not a convolution or linear layer, "
        "and stays"
    )


def test_dense_without_padding(say, plain, wall):
    lines = say("surgery", plain, "--dense", wall).out.splitlines()
    assert lines[0] == "wall.png: 5x9 positions of 8x8, 2x2 apart, in one pass"
    map = [line.split() for line in lines[1:6]]
    assert [len(line) for line in map] == [9] * 5
    truth = patterns(6, 2)[1].reshape(2, 3).astype(str)
    assert [[map[4 * i][4 * j] for j in range(3)] for i in range(2)] == truth.tolist()
    assert lines[6].startswith("mean of all: ")
    assert lines[7].endswith(" times") and " ms for 45 crops: " in lines[7]
    assert lines[8].startswith("no layer pads: scores are those of the crops, to ")


@pytest.mark.slow
def test_dense_in_four_passes(say_json, plain, wall):
    (found,) = say_json("surgery", plain, "--dense", wall, "--stride", "1")
    assert (found["passes"], found["positions"], found["crop"]) == (4, [9, 17], [8, 8])
    assert found["largest_relative_difference"] < 1e-5
    assert sum(one["probability"] for one in found["mean"]) == pytest.approx(1)
    assert min(found["seconds"].values()) > 0


@pytest.mark.slow
def test_dense_with_padding_is_told(say, trained, wall):
    out = say("surgery", trained, "--dense", wall).out
    told = (
        "crops have borders where the image goes on: through conv1 they reach 45 of 45 positions, and scores"
    )
    assert out.splitlines()[-1].startswith(told)


@pytest.mark.slow
def test_dense_with_padding(say_json, trained, wall):
    (found,) = say_json("surgery", trained, "--dense", wall, "--input", "16x16")
    assert (found["positions"], found["borders_through"]) == ([5, 5], ["conv1"])
    assert np.shape(found["differences"]) == (5, 5) and min(map(min, found["differences"])) > 0
    assert found["affected"] == [[True] * 5] * 5


@row(75)
def test_75_the_matrix_of_a_convolution(say, say_json):
    assert say("surgery", "lenet5", "--matrix", "C3").out.startswith(
        "C3 on 14x14x6 as a fully connected layer: a matrix of 1,176 x 1,600, 7.18 MiB in full\n"
        "150,000 entries (7.97%) are connections, and share 1,500 weights; all others are 0\n"
        "on a random image it differs from the convolution by at most "
    )
    found = say_json("surgery", "lenet5", "--matrix", "C1")
    numbers = [found[name] for name in ("inputs", "outputs", "entries", "weights")]
    assert numbers == [1024, 4704, 117600, 150]
    assert found["largest_difference"] < 1e-5


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("lenet5", "say what shall be done, such as --convolve; kitnet surgery --help lists it all"),
        (
            "lenet5 --convolve -o n",
            "'lenet5' has no classes and no golden images; add --network-only",
        ),
        ("lenet5 --convolve --linear", "--convolve and --linear undo each other; leave out one of them"),
        ("nin --convolve --cut mlpconv3", "no layer 'mlpconv3' (did you mean 'mlpconv3.relu3'?)"),
        (
            "all-cnn-c --cut stage1.conv1 --convolve",
            "--convolve changes nothing: the network has no linear layer",
        ),
        (
            "lenet5 --convolve --input 384",
            "--input 384: the network's own is 32x32x1; write as many numbers, or leave out the depth",
        ),
        ("lenet5 --input big", "--input 'big' is no volume; write it like 384x384"),
        (
            "lenet5 --prune C3",
            "--prune 'C3': write it like C3=lenet5",
        ),
        (
            "lenet5 --prune C3=x",
            "--prune 'C3=x': a table is lenet5, lenet1989, or the input maps of each filter such as "
            "0.1.2/1.2.3/0.2",
        ),
        ("lenet5 --rename C3=", "--rename 'C3=': write it like fc1=conv6"),
        (
            "lenet5 --rename C3=ü",
            "'ü' is no name that a line can have; begin it with a letter from a to z or _, and go on with "
            "letters, digits, _ and -",
        ),
        ("lenet5 --stride 2 --fold", "--stride is for --dense IMAGE; add it, or leave out --stride"),
        ("lenet5 --threads 2 --fold", "--threads is for --dense IMAGE; add it, or leave out --threads"),
        (
            "lenet5 --matrix C3 --fold -o n",
            "--matrix looks at the model as it is; leave out --fold and -o",
        ),
        ("lenet5 --matrix C33", "--matrix: no convolution 'C33' (did you mean 'C3'?)"),
        (
            "lenet5 --matrix S2",
            "--matrix: S2 is no convolution but subsample (there are 'C1', 'C3' and 'C5')",
        ),
        ("lenet5 --prune input=0.1", "input is no convolution but the input (there are 'C1', 'C3' and 'C5')"),
        ("lenet5 --rename c3=x", "nothing is called 'c3' (did you mean 'C3'?)"),
        (
            "lenet5 --cut zebra",
            "no layer 'zebra' (there are 'C1', 'lecuntanh1', 'S2', 'lecuntanh2', 'C3', 'lecuntanh3' and 7 "
            "others)",
        ),
        (
            "lenet5 --average --linear",
            "--linear leaves no positions that --average could take the mean of; leave out one of them",
        ),
        ("lenet5 --average", "output: its output 10 has no positions to average; add --convolve"),
        (
            "lenet5 --classes a,b",
            "--classes names the classes of a new head; add --head, such as --head fc10",
        ),
        (
            "lenet5 --dense a.png",
            "--dense needs a trained model, which says how an image becomes its input, not 'lenet5'",
        ),
        (
            "n.safetensors --fold",
            "n.safetensors: no such file; give a run folder such as runs/lenet5-1, or a model file",
        ),
        (
            "lenet5 --convolve --network-only",
            "--network-only and --classes are for what -o writes; add -o, or leave them out",
        ),
        (
            "lenet5 --convolve --classes a,b -o n --network-only",
            "--network-only writes no classes; leave out --classes",
        ),
        ("lenet5 --fold --seed -1", "--seed -1 is not possible; use 0 or more"),
    ],
)
def test_mistakes(refused, words, text):
    assert refused("surgery", *words.split()) == text


def test_mistakes_with_a_model(refused, plain, wall, here):
    assert refused("surgery", plain, "--dense", wall, "--average") == (
        "--dense looks at the model as it is; leave out --average"
    )
    assert refused("surgery", plain, "--convolve", "--input", "10x10", "-o", "n.safetensors") == (
        "an output of 2x2x10 is 4 positions of 10 classes; a model of images has one score a class, such as "
        "their average; --network-only writes the network without classes"
    )
    assert refused("surgery", plain, "--head", "fc2", "--classes", "cat,cat", "-o", "n.safetensors") == (
        "two classes are called 'cat'; give each a name of its own"
    )
    (here / "n.safetensors").write_text("")
    exists = "n.safetensors: it exists; give another name"
    assert refused("surgery", plain, "--fold", "-o", "n.safetensors") == exists
    assert refused("surgery", plain, "--dense", wall, "--stride", "3") == (
        "a stride of 3 does not divide the 2 places between two positions; use 1, 2"
    )
    assert refused("surgery", plain, "--dense", wall, "--input", "6x6") == (
        "images of 6x6 are smaller than the network's own input 8x8; enlarge them"
    )
