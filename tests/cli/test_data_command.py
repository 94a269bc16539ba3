"""`kitnet data`: counts, sizes, broken files, duplicates, and the contact sheet."""

import shutil

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    """Two classes, 3 and 2 pictures to train with and 2 to test, of which one is in both parts."""
    where = tmp_path / "set"
    for part, label, name, value, size in (
        ("train", "cat", "a.png", 0, (4, 6, 3)),
        ("train", "cat", "b.png", 255, (4, 6, 3)),
        ("train", "cat", "c.png", 51, (8, 8)),
        ("train", "dog", "a.png", 255, (8, 8)),
        ("train", "dog", "b.png", 255, (4, 4)),
        ("test", "cat", "x.png", 7, (4, 6, 3)),
    ):
        path = where / part / label / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(size, value, np.uint8)).save(path)
    (where / "test" / "dog").mkdir()
    shutil.copy(where / "train" / "cat" / "c.png", where / "test" / "dog" / "y.png")
    (where / "test" / "dog" / "z.png").write_bytes(b"no picture")
    return where


def test_what_is_found(say, folder):
    said = say("data", folder)
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        "class  train  test",
        "cat        3     1",
        "dog        2     1",
        "all        5     2",
        "train: sizes 4x6x3 (2), 8x8x1 (2), 4x4x1 (1); mean 0.608 0.608 0.608; deviation 0.430 0.430 0.430",
        "test: sizes 4x6x3 (1), 8x8x1 (1); mean 0.153 0.153 0.153; deviation 0.077 0.077 0.077",
        "test: 1 of 3 images are broken:",
        f"  {folder}/test/dog/z.png: it is no picture, or its beginning is damaged; expected BMP, GIF, JPEG, "
        "PNG, PPM, TIFF, WEBP",
        "1 of 2 test images are among the training images, too:",
        f"  {folder}/test/dog/y.png is {folder}/train/cat/c.png, in another class",
    ]


def test_pictures_in_two_classes(say, say_json, folder):
    """In one part: the same file listed twice, and two files of the same pixels."""
    train = folder / "train"
    shutil.copy(train / "cat" / "a.png", train / "dog" / "c.png")
    shutil.copy(train / "cat" / "a.png", train / "cat" / "d.png")  # in one class it is no contradiction
    told = say("data", folder).out.splitlines()
    at = told.index("1 of 7 train images stand there in another class, too:")
    assert told[at + 1] == f"  {train}/dog/c.png (dog) is {train}/cat/a.png (cat)"
    rows = ["path,label,part", "cat/b.png,cat,train", "cat/b.png,dog,train", "dog/b.png,dog,test"]
    (train / "set.csv").write_text("\n".join(rows))
    told = say("data", train / "set.csv").out.splitlines()
    at = told.index("1 of 2 train images stand there in another class, too:")
    assert told[at + 1] == f"  {train}/cat/b.png is listed as cat and as dog"
    assert say_json("data", train / "set.csv")["contradictions"] == [
        {
            "part": "train",
            "picture": f"{train}/cat/b.png",
            "label": "dog",
            "other": f"{train}/cat/b.png",
            "other_label": "cat",
        }
    ]


def test_as_json(say_json, folder):
    found = say_json("data", folder)
    assert found["train"]["classes"] == {"cat": 3, "dog": 2}
    assert found["test"]["sizes"] == [{"size": [4, 6, 3], "images": 1}, {"size": [8, 8, 1], "images": 1}]
    assert len(found["test"]["broken"]) == 1 and found["train"]["broken"] == []
    assert found["duplicates"][0]["same_class"] is False
    digits = say_json("data", "digits")
    assert digits["train"]["images"] == 1437 and sum(digits["test"]["classes"].values()) == 360


def test_the_contact_sheet(say, folder, here):
    assert say("data", folder, "--show", "plain.png").status == 0
    plain = np.asarray(Image.open(here / "plain.png"))
    assert plain.shape == (2 * 68 - 4, 6 * 68 - 4, 3)
    first = plain[:64, :64], plain[:64, 68:132], plain[:64, 136:200]
    assert [np.unique(each).tolist() for each in first] == [[0], [255], [51]]
    assert say("data", folder, "--show", "both.png", "--augment", "cutout40").status == 0
    both = np.asarray(Image.open(here / "both.png"))
    assert both.shape == (2 * 68 - 4, 2 * (6 * 68 - 4) + 16, 3)
    np.testing.assert_array_equal(both[:, : plain.shape[1]], plain)
    assert say("data", "digits", "--show", "digits.png", "--augment", "crop2").status == 0
    digits = np.asarray(Image.open(here / "digits.png"))
    left, right = digits[:, : 6 * 68 - 4], digits[:, 6 * 68 + 12 :]
    assert left.shape == right.shape and (left != right).any()
    found = say("data", folder, "--show", "no/where.png")
    assert found.status == 2 and found.err.startswith("kitnet: no/where.png: cannot be written")
    assert say("data", folder, "--show", "sheet.jpg").err == (
        "kitnet: --show sheet.jpg: pictures are written as PNG; give a name such as maps.png\n"
    )


def test_deviation_of_colours(say_json, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 5, 3), np.uint8)
    labels = np.zeros(3, int)
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=labels, x_test=pixels[:1] * 0, y_test=labels[:1])
    found = say_json("data", tmp_path / "a.npz")
    np.testing.assert_allclose(found["train"]["mean"], (pixels / 255).mean((0, 1, 2)))
    np.testing.assert_allclose(found["train"]["deviation"], (pixels / 255).std((0, 1, 2)))
    assert found["test"]["deviation"] == [0, 0, 0]


def test_one_folder_of_classes(say, say_json, folder):
    """Which has no other part, and a folder of a class without pictures."""
    (folder / "train" / "eel").mkdir()
    (folder / "train" / "eel" / "notes.txt").write_text("none")
    said = say("data", folder / "train")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        "class  train",
        "cat        3",
        "dog        2",
        "all        5",
        "No picture in 1 of the classes' folders: eel",
        "There is neither a validation nor a test part; training takes one with --split 0.2",
        "train: sizes 4x6x3 (2), 8x8x1 (2), 4x4x1 (1); mean 0.608 0.608 0.608; deviation 0.430 0.430 0.430",
    ]
    assert say_json("data", folder / "train")["empty"] == ["eel"]
    said = say("train", "4x4x1 -> fc2", "--data", folder, "--epochs", 1, "--validation", 0)
    assert "kitnet: no picture in 1 of the classes' folders, left out: eel\n" in said.err


def test_what_is_more_than_the_data_or_their_pictures(say, refused, folder):
    words = ("train", "4x4x1 -> fc2", "--data", folder, "--epochs", 1, "--validation", 0)
    assert (
        "kitnet: a batch of 50 is more than the 5 images to train with: a step has all of them, and an epoch "
        "is one step\n"
    ) in say(*words, "--batch", 50).err
    assert refused(*words, "--augment", "flip,crop4") == (
        "augmentation crop4: a shift by up to 4 may leave nothing of pictures of 4x4x1; use such as crop1"
    )
