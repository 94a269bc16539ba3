"""Training, testing and prediction on a folder of pictures."""

import shutil

import numpy as np
import pytest
from patterns import patterns
from PIL import Image


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """120 pictures of ten patterns, a folder a class, one of them twice as large, and a broken one."""
    where = tmp_path_factory.mktemp("data") / "pictures"
    for i, (image, label) in enumerate(zip(*patterns(120, 0), strict=True)):
        path = where / f"class{label}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.kron(image, np.ones((2, 2), np.uint8)) if i == 3 else image).save(path)
    (where / "class5" / "broken.png").write_bytes(path.read_bytes()[:40])
    return where


def test_training_on_a_folder(say, folder, tmp_path):
    line = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
    words = ("train", line, "--data", folder, "--epochs", 12, "--batch", 16, "--name", "f")
    said = say(*words, "--split", 0.25)
    assert said.status == 0
    assert said.err == (
        f"kitnet: 1 of 91 pictures are broken and left out; the first: {folder}/class5/broken.png: "
        "it is no picture, or its beginning is damaged; expected BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP\n"
    )
    assert "80 images to train with, 10 to validate, 30 to test" in said.out
    tested = say("evaluate", "runs/f-1")
    assert tested.out.startswith(f"{folder}: ") and "of 30 test images right" in tested.out
    assert float(tested.out.split(": ")[1].split("%")[0]) > 80
    shutil.copy(folder / "class7" / "7.png", tmp_path / "seven.png")
    assert ": class7 " in say("predict", "runs/f-1", tmp_path / "seven.png").out
    assert say("verify", "runs/f-1").status == 0
    said = say(*words, "--split", 0.25, "--strict")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"kitnet: {folder}/class5/broken.png: it is no picture")
    assert say(*words) == (
        2,
        "",
        f"kitnet: {folder}: it has no test part; take a share of the pictures with --split 0.2\n",
    )


@pytest.mark.parametrize("engine", ["compiled", "formula"])
def test_training_with_augmentation(say, folder, engine):
    line = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
    words = ("train", line, "--data", folder, "--split", 0.25, "--epochs", 3, "--engine", engine)
    for text, name in (("crop1,cutout2,mixup0.3", "mixed"), ("resizedcrop0.5", "cut")):
        said = say(*words, "--augment", text, "--name", name)
        assert said.status == 0 and "epoch   3" in said.out
    rows = [row for row in said.out.splitlines() if row.startswith("epoch ")]
    losses = [float(row.split("train loss ")[1].split()[0]) for row in rows]
    assert losses[2] < losses[0]
    said = say(*words, "--augment", "crop9,flop")
    assert said == (
        2,
        "",
        "kitnet: augmentation 'crop9,flop': unknown 'flop' (did you mean 'flip'?); known: affine, crop, "
        "cutmix, cutout, elastic, flip, jitter, mixup, resizedcrop\n",
    )


def test_a_folder_without_a_test_part(say, say_json, folder, tmp_path):
    """`val` chooses the epoch; nothing is left to judge the result by, and it says so."""
    where = tmp_path / "parts"
    shutil.copytree(folder, where / "train")
    (where / "train" / "class5" / "broken.png").unlink()
    shutil.copytree(where / "train", where / "val")
    said = say("train", "8x8x1 -> fc10", "--data", where, "--epochs", 2, "--name", "v")
    assert (said.status, said.err) == (0, "")
    assert f"{where}: 120 images to train with, 120 to validate, no test part; run folder" in said.out
    assert "% of the validation images right after " in said.out.splitlines()[-1]
    assert say("evaluate", "runs/v-1").out.startswith(f"{where}: ")
    found = say_json("evaluate", "runs/v-1")
    assert found["images"] == 120 and found["val_accuracy"] > 0.5
    found = say_json("data", where)
    assert found["validation"]["images"] == 120 and "test" not in found
    assert len(found["duplicates"]) == 120 and found["duplicates"][0]["part"] == "validation"
    assert "120 of 120 validation images are among the training images, too:" in say("data", where).out


def test_larger_pictures_where_they_are_allowed(say, folder, tmp_path):
    for part in ("train", "test"):
        shutil.copytree(folder, tmp_path / "set" / part)
    words = ("train", "8x8x1 -> fc10", "--data", tmp_path / "set", "--epochs", 1, "--name", "m")
    said = say(*words, "--megapixels", "6e-5")
    assert (said.status, said.out) == (2, "")
    assert (
        "it has 8x8, more than 6e-05 million pixels; make it smaller"
        in say("data", tmp_path / "set", "--megapixels", "6e-5").err
    )
    assert say(*words, "--megapixels", "6.4e-5").status == 0
    assert say("train", "--resume", "runs/m-1", "--epochs", 2).status == 0
    assert say("train", *words[1:], "--megapixels", "0").err == (
        "kitnet: --megapixels 0 is not possible; use a number above 0, such as 100\n"
    )
