"""The lines of curl that docs/serve.md prints are answered as it says."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kitnet
from kitnet.data import Preparation

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text("utf-8")
LINES = re.search(r"^```curl\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1].splitlines()


@pytest.mark.slow
def test_lines_of_curl(start, here):
    model = kitnet.Model(
        "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10",
        preparation=Preparation((8, 8, 1), (6, 6), (0.4,), (0.3,)),
    )
    model.net.initialise(3)
    x = np.random.default_rng(0).integers(0, 256, (3, 6, 6), np.uint8)
    model.save(here / "model.safetensors", x[..., None])
    np.save(here / "digits.npy", x)
    Image.fromarray(x[0]).save(here / "digit.png")
    process = start("serve", "model.safetensors", "--port", "0", "--batch", "4")
    address = process.stdout.readline().split()[-1]
    found = []
    for line in LINES:
        words = shlex.split(line.replace("http://127.0.0.1:8000", address))
        done = subprocess.run(
            [words[0], "-sS", "--fail-with-body", *words[1:]],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(done.stdout)
    probabilities = model.probabilities(x)
    one, three, two, pixels = (json.loads(text)["images"] for text in found[:4])
    assert [len(images) for images in (one, three, two, pixels)] == [1, 3, 2, 1]
    assert [image["classes"][0]["class"] for image in three] == [str(k) for k in probabilities.argmax(1)]
    assert len(one[0]["classes"]) == 3 and two == [one[0], one[0]]
    assert len(pixels[0]["probabilities"]) == len(pixels[0]["scores"]) == 10
    np.testing.assert_allclose(np.load(here / "probabilities.npy"), probabilities, rtol=0, atol=1e-6)
    assert json.loads(found[5])["classes"] == list(model.classes)
    assert json.loads(found[6]) == {"status": "ready"}
    assert 'kitnet_requests_total{status="200"} 7\n' in found[7]
    assert json.loads(found[8])["openapi"] == "3.1.0"
    process.terminate()
    assert process.communicate(timeout=90)[1] == "" and process.returncode == 0
