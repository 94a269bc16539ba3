"""What becomes of places that a stride does not divide is told with the numbers."""

from __future__ import annotations

import pytest

import kitnet
from kitnet.base.error import ShapeError
from kitnet.net.rest import rests

HALF = "(10 - 3 + 2*0) / 2 + 1 = 4.5 positions; by "


def told(line: str) -> dict[str, list[str]]:
    return rests(kitnet.parse(line).graph)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("floor", "floor 4: the last 1 is not read"),
        ("ceil", "ceil 5: the last window hangs over the end by 1"),
        ("pad", "pad 5: 0 before and 1 behind are added"),
        ("crop", "crop 4: 0 before and 1 behind are left out"),
    ],
)
def test_each_way(how: str, text: str) -> None:
    """On 10 places a window of 3 with stride 2 has four positions, and one place is left."""
    for layer in ("conv3-2/2", "maxpool3/2", "subsample3/2"):
        assert list(told(f"10x10x1 -> {layer} {how}")) == [HALF + text]


def test_several_places_and_padding() -> None:
    assert told("224x224x3 -> a:conv11-96/4 pad") == {
        "(224 - 11 + 2*0) / 4 + 1 = 54.25 positions; by pad 55: 1 before and 2 behind are added": ["a"]
    }
    assert told("11x11x1 -> a:maxpool4/5 crop pad=1") == {
        "(11 - 4 + 2*1) / 5 + 1 = 2.8 positions; by crop 2: 2 before and 2 behind are left out": ["a"]
    }
    assert told("11x11x1 -> a:maxpool4/5 floor") == {
        "(11 - 4 + 2*0) / 5 + 1 = 2.4 positions; by floor 2: the last 2 are not read": ["a"]
    }
    assert told("10x10x1 -> a:maxpool3/4 pad=1 floor") == {
        "(10 - 3 + 2*1) / 4 + 1 = 3.25 positions; by floor 3: the last 1 is not read": ["a"]
    }
    assert told("6x6x1 -> a:maxpool2/3 ceil") == {
        "(6 - 2 + 2*0) / 3 + 1 = 2.333 positions; by ceil 2: one more window would lie in padding alone": [
            "a"
        ]
    }


def test_axes_that_differ_are_told_apart() -> None:
    assert told("10x8x1 -> maxpool3/2 floor") == {
        f"{HALF}floor 4: the last 1 is not read, and (8 - 3 + 2*0) / 2 + 1 = 3.5 positions; by floor 3: the "
        "last 1 is not read": ["maxpool1"]
    }
    assert list(told("10x9x1 -> maxpool3/2 floor")) == [f"{HALF}floor 4: the last 1 is not read"]


def test_layers_of_which_the_same_is_told_stand_together() -> None:
    line = "10x10x1 -> concat[a:conv3-2/2 floor | b:maxpool3/2 floor] -> relu -> fc2"
    assert list(told(line).values()) == [["concat1.0.a", "concat1.1.b"]]


@pytest.mark.parametrize(
    "line",
    [
        "9x9x1 -> maxpool3/2 ceil",  # which divides
        "10x10x1 -> maxpool3/2 same floor",  # which pads as much as it needs
        "9x9x1 -> maxpool regions=2 floor",
        "10 -> fc3 -> relu",
    ],
)
def test_where_nothing_is_left_nothing_is_told(line: str) -> None:
    assert told(line) == {}


def test_an_error_behind_such_layers_tells_how_they_came_to_their_sizes() -> None:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse("30x30x1 -> conv3-4/2 ceil -> maxpool2 pad -> relu -> conv9-3")
    assert "(so far: 30x30x1 -> conv1 15x15x4 by ceil -> maxpool1 8x8x4 by pad -> relu1 8x8x4)" in str(
        caught.value
    )
