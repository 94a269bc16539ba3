"""Every registered layer passes every check on all its cases. A new layer is picked up by its word."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import pytest

import kitnet.layers
from kitnet.base.error import KitnetError
from kitnet.layers import LAYERS, Case, Layer
from kitnet.testing import check_contract, check_definition, check_executor, check_gradient, check_terms

EVERY = list(LAYERS)


MANY_CASES = {"conv", "maxpool"}  # to execute takes seconds
CHECKS = [check_contract, check_definition, check_gradient, check_executor, check_terms]


@pytest.mark.sample(6)
@pytest.mark.parametrize(
    ("check", "word"),
    [
        pytest.param(
            check,
            word,
            id=f"{check.__name__}-{word}",
            marks=pytest.mark.slow if check is check_executor and word in MANY_CASES else (),
        )
        for check in CHECKS
        for word in EVERY
    ],
)
def test_layer(check: Callable[[Case], None], word: str) -> None:
    for case in LAYERS[word].cases():
        check(case)


@pytest.mark.parametrize("word", EVERY)
def test_brings_cases_of_its_own_kind_and_a_definition(word: str) -> None:
    kind = LAYERS[word]
    cases = list(kind.cases())
    assert cases
    assert all(type(case.layer) is kind for case in cases)
    assert kind.definition is not Layer.definition
    assert kind.__doc__


def test_every_layer_of_every_file_is_registered_and_public() -> None:
    defined = set()
    for found in pkgutil.iter_modules(kitnet.layers.__path__):
        module = importlib.import_module(f"kitnet.layers.{found.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            own = kind.__module__ == module.__name__
            if issubclass(kind, Layer) and own and "word" in vars(kind):  # else a family, such as Loss
                defined.add(kind)
    assert defined == set(LAYERS.values())
    assert all(getattr(kitnet.layers, kind.__name__) is kind for kind in defined)
    assert {kind.__name__ for kind in defined} <= set(kitnet.layers.__all__)


def test_words_are_what_the_registry_says() -> None:
    assert all(kind.word == word for word, kind in LAYERS.items())


@pytest.mark.parametrize("word", EVERY)
def test_a_layer_is_final(word: str) -> None:
    kind = LAYERS[word]
    with pytest.raises(TypeError) as caught:
        type("Wider", (kind,), {"word": "wider"})
    assert str(caught.value) == (
        f"Wider: layers are final; write a new one instead of extending {kind.__name__}"
    )
    assert "wider" not in LAYERS


@pytest.mark.parametrize("word", ["two words", "conv2", "a-b", "Conv", "_conv", "été", ""])
def test_a_word_is_lower_case_letters(word: str) -> None:
    with pytest.raises(KitnetError) as caught:
        type("Other", (Layer,), {"word": word})
    assert str(caught.value) == (
        "Other: the word of a layer is lower-case letters only, since numbers follow it in the language, "
        f"not {word!r}; choose another, such as 'leakyrelu'"
    )
    assert word not in LAYERS


def test_a_word_has_one_layer() -> None:
    with pytest.raises(KitnetError) as caught:
        type("Other", (Layer,), {"word": "conv"})
    assert str(caught.value) == (
        "Other: the word 'conv' belongs to kitnet.layers.convolution.Convolution; choose another word"
    )
    assert LAYERS["conv"] is kitnet.layers.Convolution


@pytest.mark.usefixtures("own_layers")
def test_a_layer_defined_again_replaces_the_first() -> None:
    """As when a notebook's cell is run twice."""
    first, second = (type("Twice", (Layer,), {"word": "twice"}) for _ in range(2))
    assert first is not second
    assert LAYERS["twice"] is second
