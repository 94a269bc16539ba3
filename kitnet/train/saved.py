"""Whether a text names a model that lies in a file, or a network of the zoo, or is a line."""

from __future__ import annotations

from pathlib import Path

from kitnet.base.error import KitnetError, shorten
from kitnet.train.model_file import ONNX, model_file
from kitnet.zoo import ALIASES, MODELS, RECIPES

ENDINGS = (".safetensors", ONNX)  # of the names of model files


def saved_model(model: str) -> Path | None:
    """The model file that is meant, where it is no line and no name of the zoo. Raises KitnetError."""
    if "->" in model or "→" in model or model in {*MODELS, *ALIASES, *RECIPES}:
        return None
    try:
        there = Path(model).exists()
    except (OSError, ValueError):  # a name that no file can have
        return None
    is_file = model.endswith(ENDINGS)
    if "/" in model and not there and not is_file:
        raise KitnetError(
            f"{shorten(model)}: no such run folder or model file, no name of `kitnet models`, and no line "
            "such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'"
        )
    return model_file(model) if there or is_file else None


def file_to_begin_with(model: str) -> Path | None:
    """The model file that a new run is to begin with, by its name; a run folder goes on by itself. Raises
    ModelFileError where there is none."""
    is_file = model.endswith(ENDINGS) and "->" not in model and "→" not in model
    return model_file(model) if is_file else None
