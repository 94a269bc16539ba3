"""Native libraries: they link anywhere, give the plan's scores bit by bit, and touch only what they are
given."""

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from native_code import Linked, bits, check_network, compiler, randomised

from kitnet.base.error import KitnetError
from kitnet.data import Preparation, Standardisation
from kitnet.data.views import Views
from kitnet.engine import Scores, plan_of
from kitnet.engine.request import scoring
from kitnet.engine.standalone import standalone
from kitnet.interop.native import native_library
from kitnet.kernels.cpu import detect, levels, plain
from kitnet.net import parse
from kitnet.train import Model
from kitnet.zoo import find

LINE = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc3"
WINOGRAD = "12x12x16 -> conv3-32 same -> fc3"
BRANCHES = "9x9x3 -> conv3-8 same -> batchnorm -> relu -> residual[conv3-8 same -> batchnorm] -> fc5"
PARTS = "8x8x3 -> pad1 -> conv3-10/2 floor -> lrn -> meanpool2 -> dropout -> fc7 -> softmax"
WARN = ["-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror"]


@pytest.fixture(scope="module")
def model(noisy):
    """Digits in colour: a picture 6x7x3 lies in the middle of 8x8x3."""
    model, images = noisy("8x8x3 -> conv3-4 same -> relu -> maxpool2 -> fc3", classes=("a", 'b"\\', "ü??/"))
    model.preparation = Preparation((8, 8, 3), (6, 7), (0.5, 0.25, 0.125), (0.5, 1.0, 2.0))
    model.examples = images
    return model


@pytest.fixture(scope="module")
def library(model):
    return native_library(model, "evil */ title /*")


def memory_of(header):
    return int(re.search(r"NET_MEMORY (\d+)", header)[1])


def run(folder, *before):
    command = [*before, folder / "example"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def build(library, folder):
    library.write(folder)
    files = ["example.c", "net.o", "-o", "example"]
    subprocess.run([compiler(), *WARN, *files], cwd=folder, check=True)


def test_the_example_is_compiled_without_warnings_and_gives_the_plans_scores(library, model, tmp_path):
    build(library, tmp_path)
    scores = Scores(model.net, model.loss, 1)(model.preparation.prepare(model.examples[:1]))[0]
    best = scores.argmax()
    assert run(tmp_path) == (0, f"{model.classes[best]}, with a score of {scores[best]:g}\n", "")


def test_an_example_with_other_scores_says_so(library, tmp_path):
    word = re.search("0x[0-9a-f]{8}", library.example)[0]
    (tmp_path / "example.c").write_text(library.example.replace(word, f"0x{int(word, 16) ^ 1:08x}"))
    (tmp_path / "net.h").write_text(library.header)
    (tmp_path / "net.o").write_bytes(library.object)
    subprocess.run([compiler(), "example.c", "net.o", "-o", "example"], cwd=tmp_path, check=True)
    assert run(tmp_path) == (1, "", "the scores are not those of the plan\n")


def test_a_header_for_c_and_cplusplus(library, tmp_path):
    assert library.header.startswith(
        "/* evil * / title / *: 8x8x3 -> conv3-4 same -> relu -> maxpool2 -> fc3\n"
    )
    assert "NET_PIXELS 126 /* bytes of a picture, 6x7x3: rows from the top, red, green and blue" in (
        library.header
    )
    assert "in the middle of 8x8x3, (byte / 255 - mean) / deviation, mean 0.5, 0.25, 0.125," in library.header
    library.write(tmp_path)
    for kind in ("c", "c++"):
        check = [compiler(), "-x", kind, "-Wall", "-Werror", "-fsyntax-only", tmp_path / "net.h"]
        if kind == "c" or shutil.which("c++"):
            subprocess.run(check, check=True)


def test_pictures_are_prepared_to_the_bits_of_python(library, model, noisy, tmp_path):
    linked, random = Linked(library.object, tmp_path), np.random.default_rng(5)
    picture = random.integers(0, 256, (6, 7, 3), np.uint8)
    prepared = model.preparation.prepare(picture[None])
    np.testing.assert_array_equal(bits(linked.prepare(picture, 192)), bits(prepared.ravel()))
    grey, images = noisy(LINE)
    grey.preparation, grey.examples = Preparation((8, 8, 1), (11, 7), (0.3,), (0.7,)), images
    linked = Linked(native_library(grey, "cropped and framed").object, tmp_path)
    picture = random.integers(0, 256, (11, 7, 1), np.uint8)
    prepared = grey.preparation.prepare(picture[None])
    np.testing.assert_array_equal(bits(linked.prepare(picture, 64)), bits(prepared.ravel()))


def test_calls_at_the_same_time(library, model, tmp_path):
    linked, memory = Linked(library.object, tmp_path), memory_of(library.header)
    images = model.preparation.prepare(model.examples)
    expected = Scores(model.net, model.loss, 1)(images)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: linked.run(image[None], 3, memory)[0], [*images] * 25))
    np.testing.assert_array_equal(bits(np.array(found)), bits(np.concatenate([expected] * 25)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ELF is Linux's format")
def test_nothing_is_written_or_run_but_code_and_only_two_names_are_seen(library, tmp_path):
    library.write(tmp_path)
    if shutil.which("readelf") is None:
        pytest.skip("no readelf is there: apt-get install binutils")

    def told(*flags):
        command = ["readelf", "-W", *flags, tmp_path / "net.o"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    sections = re.findall(r"\] (\.\S+) +\w+ +\w+ \w+ (\w+) \w+ +([A-Z]*) ", told("-S"))
    assert {name for name, _, flags in sections if "X" in flags} == {".text"}
    assert [name for name, size, flags in sections if "W" in flags and int(size, 16)] == []
    assert [flags for name, _, flags in sections if name == ".note.GNU-stack"] == [""]
    symbols = re.findall(r" GLOBAL +\w+ +(\w+) (\w+)", told("-s"))
    assert {name for place, name in symbols if place != "UND"} == {"net_run", "net_prepare"}
    assert {name for place, name in symbols if place == "UND"} <= {"memcpy", "memset"}


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize(("line", "batch"), [(WINOGRAD, 1), (BRANCHES, 3), (PARTS, 70)])
def test_the_plans_scores_bit_by_bit(level, line, batch, tmp_path):
    check_network(randomised(parse(line)), batch, plain(level), tmp_path)


def test_plans_of_both_layouts_and_winograd_are_among_them():
    ids = {
        (choice.one.id, plan.preferred)
        for line, batch in ((WINOGRAD, 1), (BRANCHES, 3), (PARTS, 70))
        for plan in [plan_of(parse(line), batch)]
        for choice in plan.choices
    }
    assert {lanes for _, lanes in ids} == {"channels", "images"}
    assert any("winograd" in id for id, _ in ids)


def test_denormals_are_zeros_and_the_callers_mode_comes_back(tmp_path):
    check_network(randomised(parse(LINE)), 1, detect(), tmp_path, factor=1e-39)
    small = np.array([1e-40], np.float32)
    assert (small * np.float32(1)).view(np.uint32)[0] == small.view(np.uint32)[0] != 0


def test_lenet5_takes_at_most_120_kilobytes_beside_its_weights(tmp_path):
    net = find("lenet5").build()
    code = check_network(net, 1, detect(), tmp_path)
    assert len(code) - net.weights.flat.nbytes <= 120_000


def test_models_of_floats_have_no_pictures(tmp_path):
    model = Model(LINE, preparation=Standardisation((8, 8, 1), (0.5,), (2.0,)))
    model.examples = np.random.default_rng(1).random((1, 8, 8, 1))
    library = native_library(model, "floats", batch=2)
    assert "net_prepare" not in library.header
    assert "channels innermost, (number - mean) / deviation, with mean 0.5 and deviation 2 */" in (
        library.header
    )
    build(library, tmp_path)
    scores = Scores(model.net, model.loss, 2)(model.preparation.prepare(model.examples))[0]
    assert run(tmp_path) == (0, f"{scores.argmax()}, with a score of {scores.max():g}\n", "")


def refused(make):
    with pytest.raises(KitnetError) as caught:
        make()
    return str(caught.value)


def test_what_is_refused(noisy, tmp_path, monkeypatch):
    model, images = noisy(LINE)
    assert refused(lambda: native_library(model, "no examples")) == (
        "the model knows no sample for the example; fit it, or load it from a file"
    )
    model.examples = images
    assert refused(lambda: native_library(model, "other", cpu="axv2")).startswith(
        f"--cpu axv2: the weights are prepared on this processor, which can be this, {', '.join(levels())}"
    )
    monkeypatch.setattr("kitnet.interop.native.module.MOST", 1000)
    assert refused(lambda: native_library(model, "large")) == (
        "the network's constants take 0 MB; an object file holds 0 at most"
    )
    monkeypatch.undo()
    model.views = Views.parse("flip")
    assert refused(lambda: native_library(model, "views")) == (
        "the model judges several views of a picture (flip), a native library one; train it with --views none"
    )
    step, images = noisy("8x8x1 -> conv3-4 same -> step -> fc3")
    step.examples = images
    assert refused(lambda: native_library(step, "step")) == (
        "step1: step has only a formula in Python here, and no compiled code for an object file; "
        "`kitnet explain --why` says why"
    )


def test_too_many_large_images_at_once_are_refused():
    net = parse("256x256x16 -> relu -> fc2")
    assert refused(lambda: standalone(net, scoring(net.graph), 17, detect())) == (
        "a batch of 17: images as large as these go through the network 9 at a time; ask for so many at most"
    )


def test_the_files_of_others_stay(library, tmp_path):
    library.write(tmp_path / "new" / "folder")
    library.write(tmp_path / "new" / "folder")  # its own
    for name in ("net.o", "net.h", "example.c"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("mine")
        assert refused(lambda folder=folder: library.write(folder)) == (
            f"{folder / name}: kitnet did not write it; give another folder, or remove it"
        )
        assert [path.read_text() for path in folder.iterdir()] == ["mine"]
    assert refused(lambda: library.write(folder / name)) == (
        f"{folder / name}: it is a file; give the name of a folder, such as --native lenet5"
    )
    assert refused(lambda: library.write(folder / name / "below")) == (
        f"{folder / name / 'below'}: cannot be made (Not a directory); choose another folder"
    )


@pytest.mark.slow
def test_valgrind_finds_nothing(noisy, tmp_path):
    """Valgrind knows nothing of AVX-512."""
    if shutil.which("valgrind") is None:
        pytest.skip("no valgrind is there: apt-get install valgrind")
    check = ["valgrind", "-q", "--error-exitcode=9", "--expensive-definedness-checks=yes"]
    for level in [level for level in ("avx2", "sse42") if level in levels()]:
        for batch in (1, 3):
            model, images = noisy(PARTS)
            model.examples = images
            folder = tmp_path / f"{level}-{batch}"
            build(native_library(model, "checked", level, batch), folder)
            status, out, err = run(folder, *check)
            assert (status, err) == (0, "") and "with a score of" in out
