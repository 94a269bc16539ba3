import gzip
from pathlib import Path

import numpy as np
import pytest

from kitnet.base.error import DataError
from kitnet.data import Dataset, load, write_idx
from kitnet.data import loading as module
from kitnet.data.idx_folder import FILES

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CLASSES = tuple("0123456789")


def write_set(folder: Path, end: str = "", **instead) -> Path:
    """Six training and three test pictures of 4x5, labels 0 to 2, but for the arrays given by name."""
    draw = np.random.default_rng(0)
    arrays = {
        "train_images": draw.integers(0, 256, (6, 4, 5), np.uint8),
        "train_labels": np.array([0, 1, 2, 2, 1, 0], np.uint8),
        "t10k_images": draw.integers(0, 256, (3, 4, 5), np.uint8),
        "t10k_labels": np.array([2, 0, 1], np.uint8),
    }
    folder.mkdir(exist_ok=True, parents=True)
    for name, array in zip(NAMES, (arrays | instead).values(), strict=True):
        write_idx(folder / (name + end), array)
    return folder


def refusal(*arguments, call=load):
    with pytest.raises(DataError) as caught:
        call(*arguments)
    return str(caught.value)


def pictures(n=4, shape=(2, 3, 1), dtype=np.uint8):
    return np.zeros((n, *shape), dtype)


def test_a_dataset():
    labels = np.array([0, 9, 3, 1], np.uint8)
    dataset = Dataset("mine", np.arange(24, dtype=np.uint8).reshape(4, 2, 3, 1), labels, CLASSES)
    assert len(dataset) == 4 and dataset.labels.dtype == np.int64
    some = dataset.subset(slice(1, 3))
    assert (some.name, some.classes, some.labels.tolist()) == ("mine", CLASSES, [9, 3])
    np.testing.assert_array_equal(some.images, dataset.images[1:3])
    assert dataset.subset(labels > 1).labels.tolist() == [9, 3]
    assert dataset.subset(np.array([3, 0])).labels.tolist() == [1, 0]
    assert refusal(slice(0), call=dataset.subset) == (
        "mine: it is empty (0x2x3x1); expected at least one picture of at least one pixel"
    )


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (pictures(), [0, 1, 10, 11], "label 10 of sample 2 is outside the 10 classes; expected 0 to 9"),
        (
            pictures(),
            [0, -1, 1, 1],
            "label -1 of sample 1 is negative; classes are numbered from 0, so leave such pictures out or "
            "number them anew",
        ),
        (pictures(), [0, 1, 2], "3 labels for 4 pictures; expected one label a picture"),
        (pictures(), 3, "labels of shape 1 and type int64; expected one integer a picture"),
        (pictures(), [0.0] * 4, "labels of shape 4 and type float64; expected one integer a picture"),
        (pictures(0), [], "it is empty (0x2x3x1); expected at least one picture of at least one pixel"),
        (
            pictures(shape=(0, 3, 1)),
            [0] * 4,
            "it is empty (4x0x3x1); expected at least one picture of at least one pixel",
        ),
        (
            pictures(shape=(2, 3, 2)),
            [0] * 4,
            "pictures of shape 4x2x3x2; expected number x height x width x 1 or 3 channels",
        ),
        (
            pictures(shape=(2, 3)),
            [0] * 4,
            "pictures of shape 4x2x3; expected number x height x width x 1 or 3 channels",
        ),
        (
            pictures(dtype=np.int16),
            [0] * 4,
            "pixels of type int16; pictures must be unsigned bytes, 0 to 255",
        ),
        (
            pictures(dtype=np.float32),
            [0] * 4,
            "pixels of type float32; pictures must be unsigned bytes, 0 to 255",
        ),
    ],
)
def test_what_a_dataset_refuses(images, labels, reason):
    assert refusal("mine", images, np.array(labels), CLASSES, call=Dataset) == f"mine: {reason}"


def test_nan_is_found():
    images = pictures(dtype=np.float32)
    images[2, 1, 0, 0] = np.nan
    assert refusal("mine", images, np.zeros(4, int), CLASSES, call=Dataset) == (
        "mine: NaN in the data, first in sample 2; pictures must be unsigned bytes, 0 to 255"
    )


@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_folder(tmp_path, end):
    train, _, test = load(write_set(tmp_path / "mine", end))
    assert (train.images.shape, test.images.shape) == ((6, 4, 5, 1), (3, 4, 5, 1))
    assert train.classes == test.classes == ("0", "1", "2")
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 2, 2, 1, 0], [2, 0, 1])
    assert train.name == str(tmp_path / "mine")


def test_other_spellings_and_colour(tmp_path):
    colours = {"train_images": pictures(6, (4, 5, 3)), "t10k_images": pictures(3, (4, 5, 3))}
    folder = write_set(tmp_path / "mine", **colours)
    for name in NAMES:
        spelled = name.replace("-idx", ".idx").replace("idx3", "idx4") if "t10k" in name else f"{name}.gz"
        (folder / name).rename(folder / spelled)
    train, _, test = load(folder)
    assert (train.images.shape, test.images.shape) == ((6, 4, 5, 3), (3, 4, 5, 3))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_a_published_set_from_a_folder(tmp_path, name):
    write_set(tmp_path / name)
    for data_dir in (tmp_path, tmp_path / name, str(tmp_path)):
        train, *_ = load(name, data_dir)
        assert train.name == name and len(train.classes) == 10 and len(train) == 6


def test_a_published_set_is_downloaded_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "download", lambda name: write_set(tmp_path / name))
    train, *_ = load("kmnist")
    assert train.classes == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


KINDS_SAID = (
    "a folder of pictures with a folder a class, a .csv file of paths and labels, a folder with idx files, "
    "a folder with CIFAR's files, a folder with STL-10's binary files, a folder with USPS's files, "
    "or a .npz file"
)
KNOWN = f"known: digits, mnist, fashion-mnist, kmnist, cifar10, cifar100, {KINDS_SAID}"


def test_names_that_are_not_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        refusal("fashion_mnist")
        == f"unknown data set 'fashion_mnist' (did you mean 'fashion-mnist'?); {KNOWN}"
    )
    assert refusal("MNIST") == f"unknown data set 'MNIST' (did you mean 'mnist'?); {KNOWN}"
    assert refusal("zzz") == f"unknown data set 'zzz'; {KNOWN}"
    assert refusal("./zzz/mnist") == "./zzz/mnist: there is no such folder or file"
    assert refusal("./mnist") == "./mnist: there is no such folder or file"
    write_set(tmp_path / "zzz")
    assert load("zzz")[0].name == "zzz"
    assert refusal(f"zzz/{NAMES[0]}") == f"zzz/{NAMES[0]}: it is no data set; expected {KINDS_SAID}"
    assert refusal("x" * 300 + "/x") == "x" * 300 + "/x: File name too long"
    assert refusal("x" * 300) == "x" * 300 + ": File name too long"


def test_a_data_dir_where_none_is_taken():
    known = "mnist, fashion-mnist, kmnist, cifar10, cifar100"
    told = f"--data-dir is for {known} only; leave it out, or name one of these"
    assert refusal("digits", "somewhere") == f"digits: {told}"
    assert refusal("./mine", "somewhere") == f"./mine: {told}"


def test_missing_files(tmp_path):
    looked = "looked for these names, also with .idx instead of -idx and with .gz at the end"
    assert refusal("mnist", tmp_path / "no") == f"{tmp_path}/no: there is no such folder"
    assert refusal("mnist", tmp_path) == f"{tmp_path}: this folder has no {', no '.join(NAMES)}; {looked}"
    assert refusal(tmp_path) == f"{tmp_path}: it is no data set; expected {KINDS_SAID}"
    write_set(tmp_path)
    (tmp_path / NAMES[1]).unlink()
    (tmp_path / NAMES[1]).mkdir()  # not a file
    assert refusal("mnist", tmp_path) == f"{tmp_path}: this folder has no {NAMES[1]}; {looked}"
    assert NAMES == FILES


@pytest.mark.parametrize(
    ("instead", "file", "reason"),
    [
        (
            {"train_labels": np.arange(5, dtype=np.uint8)},
            NAMES[1],
            "5 labels for 6 pictures; expected one label a picture",
        ),
        (
            {"train_labels": np.zeros(0, np.uint8)},
            NAMES[1],
            "0 labels for 6 pictures; expected one label a picture",
        ),
        (
            {"train_labels": np.array([0, 1, 2, 3, 2**31 - 1, 0], np.int32)},
            NAMES[1],
            "label 2147483647 of sample 4 is outside the 65536 classes; expected 0 to 65535",
        ),
        (
            {"train_labels": np.array([0, 1, 2, -7, 1, 0], np.int8)},
            NAMES[1],
            "label -7 of sample 3 is negative; classes are numbered from 0, so leave such pictures out or "
            "number them anew",
        ),
        (
            {"train_labels": np.zeros(6, np.float32)},
            NAMES[1],
            "labels of shape 6 and type float32; expected one integer a picture",
        ),
        (
            {"t10k_labels": np.array([0, 3, 1], np.uint8)},
            NAMES[3],
            "label 3 of sample 1 is outside the 3 classes; expected 0 to 2",
        ),
        (
            {"t10k_images": np.zeros((3, 5, 4), np.uint8)},
            NAMES[2],
            "the pictures are 5x4x1 but those of train-images-idx3-ubyte 4x5x1",
        ),
        (
            {"train_images": np.zeros((6, 20), np.uint8)},
            NAMES[0],
            "pictures of shape 6x20; expected number x height x width x 1 or 3 channels",
        ),
        (
            {"train_images": np.zeros((0, 4, 5), np.uint8)},
            NAMES[0],
            "it is empty (0x4x5x1); expected at least one picture of at least one pixel",
        ),
        (
            {"train_images": np.zeros((6, 4, 5), np.int16)},
            NAMES[0],
            "pixels of type int16; pictures must be unsigned bytes, 0 to 255",
        ),
        (
            {"train_images": np.full((6, 4, 5), np.nan, np.float32)},
            NAMES[0],
            "NaN in the data, first in sample 0; pictures must be unsigned bytes, 0 to 255",
        ),
    ],
)
def test_files_that_do_not_fit(tmp_path, instead, file, reason):
    assert refusal(write_set(tmp_path, **instead)) == f"{tmp_path}/{file}: {reason}"


def test_labels_beyond_the_classes_of_a_published_set(tmp_path):
    write_set(tmp_path, train_labels=np.array([0, 1, 2, 10, 1, 0], np.uint8))
    assert refusal("mnist", tmp_path) == (
        f"{tmp_path}/{NAMES[1]}: label 10 of sample 3 is outside the 10 classes; expected 0 to 9"
    )
    assert load(tmp_path)[0].classes == ("0", "1", "2", "10")


def test_a_damaged_file_is_named(tmp_path):
    write_set(tmp_path)
    content = (tmp_path / NAMES[2]).read_bytes()
    (tmp_path / NAMES[2]).unlink()
    damaged = tmp_path / f"{NAMES[2]}.gz"
    damaged.write_bytes(gzip.compress(content)[:-9])
    assert refusal(tmp_path) == f"{damaged}: the gzip stream is truncated; take a fresh copy of the file"
