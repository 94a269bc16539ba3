"""A trained network as one HTML file: weights, a forward pass in JavaScript, and samples that check it.

The file opens from disk. Its content security policy lets the one script and the one style run that stand in
it, by their hashes, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from kitnet import __version__
from kitnet.base.error import KitnetError, printable
from kitnet.base.spec import Array
from kitnet.data import Preparation
from kitnet.interop.forward_pass import forward_pass
from kitnet.interop.samples import BUDGET, Samples
from kitnet.layers import Loss
from kitnet.layers.radial_basis import RadialBasisPenalty
from kitnet.net.objective import scores_of
from kitnet.train import Model
from kitnet.train.model import CLOSE
from kitnet.train.target import INPUT

BESIDE = 150_000  # bytes beside the weights that samples may fill up; base64 writes 3 as 4
FOLDER = Path(__file__).parent / "page"
# In an order in which each file finds what it needs while it is read.
SCRIPTS = (
    *(
        "weights",
        "axis",
        "products",
        "convolution",
        "linear",
        "pools",
        "activations",
        "maps",
        "probabilities",
    ),
    *("network", "preparation", "check", "texts", "element", "pictures", "drawing", "sheets", "page"),
)
# How `page/probabilities.js` reads the scores of each loss.
RULES = {
    **dict.fromkeys(("softmax_cross_entropy", "hinge", "multiclass_hinge"), "softmax"),
    "sigmoid_cross_entropy": "sigmoid",
    "quadratic": "shares",
    "rbf_penalty": "distances",
}


@dataclass(frozen=True)
class WebPage:
    """The text of the file, and how many of its characters are the weights."""

    text: str
    weights: int


def web_page(model: Model, title: str, samples: Samples) -> WebPage:
    """The page of a trained model. Raises KitnetError, with the layer, for what a page does not compute, for
    more than 20 MB of weights, and for a model that gives its input, does not learn from pictures, or judges
    several views."""
    net, preparation = model.net, model.preparation
    if model.target == INPUT:
        raise KitnetError("the model gives its input, not classes, which a page shows; export a classifier")
    if not isinstance(preparation, Preparation):
        raise KitnetError("the model learned from arrays of floats; a page takes pictures, of unsigned bytes")
    if model.views:
        raise KitnetError(
            f"the model judges several views of a picture ({model.views}), a page one; train it with "
            "--views none"
        )
    rule = _probabilities(model.loss)
    scores = scores_of(net.graph, model.loss)
    found = forward_pass(net, scores, net.graph.main)
    description = {
        "version": __version__,
        "classes": model.classes,
        "preparation": preparation.to_json(),
        "probabilities": rule,
        "layers": found.layers,
        "scores": net.graph.leading_to(scores, net.graph.main).index(scores),
        "close": CLOSE,
    }
    parts = _constant(title, str(net))
    taken = sum(map(len, parts.values())) + len(json.dumps(description))
    inside = samples.within(min(BUDGET, (BESIDE - taken) * 3 // 4), len(model.classes))
    description |= {
        "part": inside.part,
        "data": inside.data,
        "samples": _recorded(model, preparation, inside),
    }
    weights = _base64(found.weights)
    # within a script nothing may look like its end
    told = json.dumps(description, separators=(",", ":")).replace("<", "\\u003c")
    text = Template((FOLDER / "page.html").read_text("utf-8")).substitute(
        parts, description=told, weights=weights
    )
    return WebPage(text, len(weights))


def _constant(title: str, network: str) -> dict[str, str]:
    """The parts of a page that do not depend on weights and samples."""
    script = "\n".join((FOLDER / f"{name}.js").read_text("utf-8") for name in SCRIPTS)
    style = (FOLDER / "page.css").read_text("utf-8")
    return {
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}",
        "title": escape(printable(title)),
        "network": escape(network),
        "style": style,
        "script": script,
    }


def _probabilities(loss: Loss) -> dict[str, Any]:
    if loss.word not in RULES:
        raise KitnetError(
            f"a page makes no probabilities of scores trained with {loss.word}; it knows {', '.join(RULES)}"
        )
    return {
        "rule": RULES[loss.word],
        **({"rubbish": loss.rubbish} if isinstance(loss, RadialBasisPenalty) else {}),
    }


def _recorded(model: Model, preparation: Preparation, samples: Samples) -> list[dict[str, Any]]:
    """Each sample with the scores of the compiled plan."""
    from kitnet.engine import Scores  # which needs llvmlite

    plan = Scores(model.net, model.loss, len(samples.images))
    scores = plan(preparation.prepare(samples.images))
    return [
        {
            **dict(zip(("height", "width", "depth"), image.shape, strict=True)),
            "pixels": _base64(image),
            "scores": _base64(row),
            "label": label,
        }
        for image, label, row in zip(samples.images, samples.labels, scores, strict=True)
    ]


def _base64(array: Array) -> str:
    """Bytes as they are, floats as float32, the lowest byte first."""
    plain = array if array.dtype == np.uint8 else array.astype("<f4")
    return base64.b64encode(np.ascontiguousarray(plain).tobytes()).decode()


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
