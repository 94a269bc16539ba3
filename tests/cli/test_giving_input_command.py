"""The commands on a network that gives its input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from kitnet.train import Model

VAE = (
    "8x8x1 -> conv4-8/2 pad=1 -> relu -> conv4-8 => code -> gaussiandraw -> transposed4-8 -> relu "
    "-> transposed4-1/2 pad=1 => image"
)
FEW = ("--epochs", "1", "--engine", "formula", "--optimizer", "adam", "--lr", "0.003")


@pytest.fixture
def trained(say, easy):
    said = say("train", VAE, "--data", easy, "--validation", "0.2", *FEW)
    assert said.status == 0
    return said


def test_train_tells_losses_and_the_bound(trained, here):
    summary = json.loads((here / "runs" / "net-1" / "summary.json").read_text())
    lines = trained.out.splitlines()
    assert lines[2].startswith(f"epoch   1  train loss {summary['train_loss']:.4f}  val loss ")
    assert lines[-2] == (
        f"the best epoch is 1, with a loss of {summary['val_loss']:.4f} on the validation images"
    )
    each = f"image {summary['test_loss.image']:.4g}, code {summary['test_loss.code']:.4g}"
    assert lines[-1] == (
        f"test images: loss {summary['test_loss']:.4f} ({each}), evidence lower bound "
        f"{summary['test_elbo']:.2f} nats an image after {summary['seconds']:.1f} s; try: kitnet predict "
        "runs/net-1 IMAGE.png -o OUT.png"
    )
    assert summary["test_elbo"] == pytest.approx(-summary["test_loss"], rel=1e-6)
    assert "accuracy" not in trained.out


def test_evaluate(trained, say, say_json, here, easy):
    summary = json.loads((here / "runs" / "net-1" / "summary.json").read_text())
    found = say_json("evaluate", "runs/net-1", "--engine", "formula")
    names = ("test_loss", "test_loss.image", "test_loss.code", "test_elbo")
    assert found == {"run": "runs/net-1", "data": easy, "images": summary["test_images"]} | {
        name: pytest.approx(summary[name], rel=1e-6) for name in names
    }
    said = say("evaluate", "runs/net-1", "--engine", "formula")
    assert said.out.endswith(f" nats an image, of {summary['test_images']} test images\n")


def test_predict_writes_each_image_and_what_becomes_of_it(trained, say, refused, here):
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8), np.uint8)
    for name, image in zip("ab", images, strict=True):
        Image.fromarray(image).save(here / f"{name}.png")
    said = say("predict", "runs/net-1", "a.png", "b.png", "-o", "out.png")
    assert said == (0, "out.png: each image, and what the model makes of it\n", "")
    sheet = np.asarray(Image.open(here / "out.png"))
    assert sheet.shape == (8 * 17, 8 * 17)  # 8x8 pixels in squares of 8, with a line between
    small = sheet[::8, ::8]
    made = Model.load("runs/net-1").predict(images)[..., 0]
    for i in range(2):
        columns = slice(9 * i, 9 * i + 8)
        np.testing.assert_array_equal(small[:8, columns], images[i])
        np.testing.assert_array_equal(small[9:, columns], made[i])
    assert refused("predict", "runs/net-1", "a.png") == (
        "runs/net-1 gives pictures, not classes; say where they go, such as -o OUT.png"
    )
    said = say("predict", "runs/net-1", "none.png", "b.png", "-o", "one.png")
    assert (said.status, said.out) == (2, "one.png: the image, and what the model makes of it\n")
    assert refused("predict", "runs/net-1", "a.png", "-o", "out.xyz") == (
        "-o out.xyz: pictures are written as PNG; give a name such as maps.png"
    )
    assert not (here / "out.xyz").exists()
    assert refused("export", "runs/net-1", "--html", "page.html") == (
        "the model gives its input, not classes, which a page shows; export a classifier"
    )


def test_a_classifier_gives_no_pictures(say, refused, easy):
    assert say("train", "8x8x1 -> fc10", "--data", easy, "--epochs", "1", "--engine", "formula").status == 0
    assert refused("predict", "runs/net-1", "a.png", "-o", "out.png") == (
        "runs/net-1 gives classes, not pictures; leave out -o"
    )


def test_the_card_tells_what_it_is_trained_for(say, say_json):
    said = say("show", "vae")
    usual = (
        "adam, learning rate 0.003, schedule cosine, target input, validation 0.1, batches of 64, 40 epochs"
    )
    assert f"Usual training: {usual}\nkitnet train vae.digits: the same\n" in said.out
    assert say_json("show", "vae")["training"]["target"] == "input"
