"""ImageNet's folders: names of classes, and labels of the pictures for validation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from catalogue import row
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import load

FISH, BIRD, MACHINE = "n01440764", "n02012849", "n03126707"


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    for synset in (FISH, BIRD, MACHINE):
        picture(where / "train" / synset / f"{synset}_1.JPEG")
    for number in (1, 2, 3):
        picture(where / "val" / f"ILSVRC2012_val_0000000{number}.JPEG")
    (tmp_path / "LOC_synset_mapping.txt").write_text(
        f"{FISH} tench, Tinca tinca\n{BIRD} crane\n{MACHINE} crane\nn00000000 other\n"
    )
    (tmp_path / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\n"
        f"ILSVRC2012_val_00000002,{BIRD} 1 2 3 4 {BIRD} 5 6 7 8\n"
        f"ILSVRC2012_val_00000003,{FISH} 1 2 3 4\n"
        f"ILSVRC2012_val_00000001,{MACHINE} 1 2 3 4\n"
    )
    return where


def test_names_and_labels_for_validation(folder: Path) -> None:
    train, validation, test = load(folder)
    assert test is None
    assert (
        train.classes == validation.classes == ("tench, Tinca tinca", f"crane ({BIRD})", f"crane ({MACHINE})")
    )
    assert train.read(np.arange(3))[1].tolist() == [0, 1, 2]
    assert validation.read(np.arange(3))[1].tolist() == [2, 1, 0]
    picture(folder / "test" / "ILSVRC2012_test_00000001.JPEG")  # whose class nobody tells
    assert load(folder).test is None


@row(128)
def test_tiny_imagenet(folder: Path) -> None:
    for path in sorted((folder / "val").iterdir()):
        picture(folder / "val" / "images" / path.name)
        path.unlink()
    lines = [f"ILSVRC2012_val_0000000{i}.JPEG\t{FISH}\t0\t32\t44\t62" for i in (1, 2, 3)]
    (folder / "val" / "val_annotations.txt").write_text("\n".join(lines))
    assert load(folder).validation.read(np.arange(3))[1].tolist() == [0, 0, 0]


def test_what_is_not_told(folder: Path, tmp_path: Path) -> None:
    solution = tmp_path / "LOC_val_solution.csv"
    whole = solution.read_text()

    def refusal() -> str:
        with pytest.raises(DataError) as caught:
            load(folder)
        return str(caught.value)

    solution.write_text(whole.replace("val_00000003", "val_00000004"))
    assert refusal() == f"{folder}: no class is told for ILSVRC2012_val_00000003.JPEG in val"
    solution.write_text(whole + "x\n")
    assert refusal() == (
        f"{folder}: line 5 of LOC_val_solution.csv has no picture and its class; take a fresh copy"
    )
    solution.write_bytes(b"\xff")
    assert refusal() == f"{folder}: {solution}: it is not UTF-8; take a fresh copy"
    solution.unlink()
    assert refusal().startswith(f"{folder}: it has no test part")
