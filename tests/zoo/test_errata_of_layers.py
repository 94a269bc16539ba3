"""What texts print of layers that is not so: what is computed, and where it is told."""

from __future__ import annotations

import pytest

from kitnet.layers import LAYERS
from kitnet.zoo.errata import ERRATA, LayerErratum

COMPUTED = {one.name: one for one in ERRATA if one.compute is not None}


@pytest.mark.parametrize("name", COMPUTED)
def test_what_was_computed(name: str) -> None:
    one = COMPUTED[name]
    assert one.compute is not None and one.compute() == one.expected


def test_each_has_its_name_and_its_words() -> None:
    assert len(COMPUTED) == sum(one.compute is not None for one in ERRATA)
    for one in ERRATA:
        assert one.word in LAYERS and one.printed and one.note.endswith(".")
        assert bool(one.what) == (one.compute is not None)


def test_one_without_a_number_names_no_function() -> None:
    one = LayerErratum("conv", "printed", "note.")
    assert (one.name, one.what) == ("", "")
