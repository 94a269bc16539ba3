"""A judgement as a page shows it."""

from __future__ import annotations

from typing import Any

import numpy as np

from kitnet.look import matrix, worst
from kitnet.studio import numbers
from kitnet.train import Judgement

CLASSES = 40  # of a confusion matrix that is shown


def judged(found: Judgement, mistakes: int) -> dict[str, Any]:
    """The confusion matrix, and so many of the worst mistakes."""
    classes = len(found.classes)
    return {
        "images": len(found.labels),
        "accuracy": found.accuracy,
        "loss": float(found.losses.mean()),
        "matrix": matrix(found.labels, found.predicted, classes).tolist() if classes <= CLASSES else None,
        "mistakes": [
            {
                "picture": numbers.picture(each.image) if each.image.dtype == np.uint8 else None,
                "label": each.label,
                "predicted": each.predicted,
                "confidence": each.confidence,
                "loss": each.loss,
            }
            for each in worst(found, mistakes)
        ],
    }
