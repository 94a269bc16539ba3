"""`kitnet export`: which images are inside, what it says, and what it refuses."""

import json
import re
import shutil
from pathlib import Path

from kitnet.files import write_whole
from kitnet.train import Model


def described(path):
    (text,) = re.findall(r'id="description">(.*?)</script>', Path(path).read_text("utf-8"))
    return json.loads(text)


def test_a_run_with_images_of_its_test_part(say, trained):
    said = say("export", trained, "--html", "page.html")
    size, weights = len(Path("page.html").read_bytes()), 4 * (9 * 4 + 4 + 64 * 10 + 10) * 4 / 3
    assert said == (
        0,
        f"page.html: {size / 1e3:,.0f} kB, of which {weights / 1e3:,.0f} are the weights\n",
        "",
    )
    told = described("page.html")
    assert (told["part"], len(told["samples"])) == ("test", 8)
    # of 40 images, whose classes are 0 to 9 in turn, 0, 6, 11, 17, 22, 28, 33 and 39
    assert [sample["label"] for sample in told["samples"]] == list("06172839")
    assert "<title>net-1</title>" in Path("page.html").read_text()


def test_a_model_file_with_its_own_images(say, trained):
    shutil.copy(Path(trained) / "best.safetensors", "digits.safetensors")
    said = say("export", "digits.safetensors", "--html", "page.html")
    assert (said.status, said.err) == (0, "")
    told, (images, _) = described("page.html"), Model.golden("digits.safetensors")
    assert (told["part"], told["data"], len(told["samples"])) == ("", "", len(images))
    assert {sample["label"] for sample in told["samples"]} == {""}
    assert "<title>digits</title>" in Path("page.html").read_text()


def test_data_that_are_gone_are_told(say, easy, trained):
    shutil.copytree(trained, "net-1")
    arguments = Path("net-1/args.toml")
    arguments.write_text(arguments.read_text().replace(easy, "/no/where"))
    said = say("export", "net-1", "--html", "page.html")
    assert said.status == 0 and said.out.startswith("page.html: ")
    assert said.err == (
        "kitnet: /no/where: there is no such folder or file; the page gets the images that the model file "
        "holds\n"
    )
    assert described("page.html")["part"] == ""


def test_what_is_refused(refused, trained, tmp_path):
    assert refused("export", trained) == (
        "say in which form, such as: kitnet export runs/lenet5-1 --html page.html"
    )
    assert refused("export", trained, "--html", tmp_path) == (
        f"{tmp_path}: it is a folder; give the name of a file, such as --html page.html"
    )
    assert refused("export", "runs/none", "--html", "page.html") == (
        "runs/none: no such file; give a run folder such as runs/lenet5-1, or a model file"
    )
    assert refused("export", trained, "--html", "no/where.html") == (
        "no/where.html: cannot be written (No such file or directory); choose another folder"
    )
    assert not Path("page.html").exists()


def test_a_network_that_a_page_does_not_compute(refused, trained):
    model = Model.load(trained)
    other = Model("8x8x1 -> lrn -> fc10", classes=model.classes, preparation=model.preparation)
    other.save("other.safetensors", model.examples)
    write_whole(Path("page.html"), "old")
    assert refused("export", "other.safetensors", "--html", "page.html").startswith(
        "lrn1: a page does not compute lrn; it knows add, batchnorm, "
    )
    assert Path("page.html").read_text() == "old"
