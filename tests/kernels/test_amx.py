"""Whether there are matrix tiles: what the processor lacks, and what the system refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kitnet.base.error import KitnetError
from kitnet.kernels.amx import NEEDS, why_no_tiles
from kitnet.kernels.cpu import Cpu, detect, plain


@pytest.fixture
def able() -> Cpu:
    here = detect()
    return replace(here, features=here.features | set(NEEDS), name="Tiled", level="avx512")


def test_a_processor_without_tiles() -> None:
    cpu = plain("baseline")
    assert why_no_tiles(replace(cpu, name="Old")) == (
        "this processor (Old, baseline) has no AMX tiles for bf16 (amx-tile is missing)"
    )


def test_the_system_is_asked_where_the_processor_has_them(able: Cpu) -> None:
    assert why_no_tiles(able, lambda: "") is None
    refused = "Linux refuses this process the AMX tiles (Invalid argument)"
    assert why_no_tiles(able, lambda: refused) == refused
    half = replace(able, features=able.features - {"amx-bf16"})
    assert why_no_tiles(half, lambda: "") == (
        "this processor (Tiled, avx512) has no AMX tiles for bf16 (amx-bf16 is missing)"
    )


def test_the_system_refuses_where_there_are_none(able: Cpu) -> None:
    """The call itself, on a processor that cannot have tiles; where it can, it may give them."""
    reason = why_no_tiles(able)
    if why_no_tiles(detect()) is None:
        assert reason is None
    else:
        assert reason and ("refuses this process the AMX tiles (" in reason or "on Linux alone" in reason)


def test_emulation_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not detect().emulates_tiles
    monkeypatch.setenv("KITNET_TILES", "emulated")
    assert why_no_tiles(detect()) is None
    monkeypatch.setenv("KITNET_TILES", "real")
    with pytest.raises(KitnetError) as caught:
        detect()
    assert str(caught.value) == (
        "KITNET_TILES=real: tiles can be emulated, or what the processor has without it"
    )
