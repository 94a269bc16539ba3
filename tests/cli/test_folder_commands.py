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
        f"kitnet: 1 of 98 pictures are broken and left out; the first: {folder}/class5/broken.png: "
        "it is no picture, or its beginning is damaged; expected BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP\n"
    )
    assert "97 images to train with, 23 to test" in said.out
    tested = say("evaluate", "runs/f-1")
    assert tested.out.startswith(f"{folder}: ") and "of 23 test images right" in tested.out
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
