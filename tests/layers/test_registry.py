"""A layer's file is imported when its word or its class is first read; nothing else can be told apart."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kitnet.layers
from kitnet.layers import LAYERS
from kitnet.layers.words import FILES, LOSS_FILES, USUAL_LOSSES

LOADED = "print(*sorted(m for m in sys.modules if m in ('kitnet.layers.convolution', 'kitnet.layers.elu')))"


def python(code: str) -> str:
    """What a new process prints that runs this."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_a_line_imports_the_layers_that_it_names() -> None:
    assert python(f"import sys, kitnet; {LOADED}") == ""
    line = "kitnet.parse('8x8x1 -> conv3-4 -> fc2')"
    assert python(f"import sys, kitnet; {line}; {LOADED}") == "kitnet.layers.convolution"
    assert python(f"import sys; from kitnet.layers import Elu; {LOADED}") == "kitnet.layers.elu"


def test_a_word_is_known_before_its_file_is_read() -> None:
    assert (
        python("from kitnet.layers import LAYERS; print('elu' in LAYERS, 'elus' in LAYERS)") == "True False"
    )


def test_a_word_is_taken_before_its_file_is_read() -> None:
    code = """
import kitnet
from kitnet.layers import Layer
try:
    type("Mine", (Layer,), {"word": "elu"})
except kitnet.KitnetError as error:
    print(error)
"""
    assert python(code) == "Mine: the word 'elu' belongs to kitnet.layers.elu.Elu; choose another word"


def test_the_tables_name_each_word_and_class() -> None:
    tables = {**FILES, **LOSS_FILES}
    assert set(tables) == {word for word, kind in LAYERS.items() if kind.__module__.startswith("kitnet.")}
    for word, place in tables.items():
        assert f"{LAYERS[word].__module__}.{LAYERS[word].__name__}" == f"kitnet.layers.{place}"


def test_losses_stand_in_a_table_of_their_own() -> None:
    assert all(issubclass(LAYERS[word], kitnet.layers.Loss) for word in LOSS_FILES)
    assert not any(issubclass(LAYERS[word], kitnet.layers.Loss) for word in FILES)


def test_the_table_of_usual_losses_says_what_the_losses_say() -> None:
    said = {word: loss for loss in LOSS_FILES for word in LAYERS[loss].suits}  # type: ignore[attr-defined]
    assert said == USUAL_LOSSES


def test_a_layer_of_kitnet_stays_registered() -> None:
    with pytest.raises(KeyError, match="elu is a layer of kitnet's own"):
        del LAYERS["elu"]


def test_all_public_names_are_there() -> None:
    assert dir(kitnet.layers) == sorted(kitnet.layers.__all__)
    assert all(hasattr(kitnet.layers, name) for name in kitnet.layers.__all__)
    with pytest.raises(AttributeError, match=r"module 'kitnet\.layers' has no attribute 'Convolve'"):
        kitnet.layers.Convolve  # noqa: B018
