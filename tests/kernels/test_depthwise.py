"""Depthwise kernels in both layouts against the formula: exactly for whole numbers, within the rounding of a
sum for others.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import test_channels_convolution as channels
import test_convolution as images
from guard import guarded
from numpy.typing import NDArray
from test_convolution import (
    Problem,
    axis,
    close,
    from_lanes,
    given,
    to_lanes,
    twice,
    want_dw,
    want_dx,
    want_y,
)

from kitnet.kernels import depthwise, depthwise_gradient
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.spec import Batch, Volume, Window, whole_vectors
from kitnet.kernels.tiling import Reach

Array = NDArray[Any]
LAYOUTS = "images", "channels"
BEYOND = 7.0  # in lanes that no channel fills


class Layout:
    """How the values of a problem lie, with images or with channels in the lanes."""

    def __init__(self, p: Problem, lanes: str, cpu: Cpu | None = None, at: str = "end") -> None:
        self.p, self.lanes, self.cpu, self.at = p, lanes, cpu or detect(), at
        self.batch = p.batch if lanes == "images" else Batch(p.samples, 1)
        pitch = whole_vectors(p.depth, self.cpu.lanes)
        self.x, self.y = p.x, p.y
        if lanes == "channels":
            self.x, self.y = (Volume(v.sizes, p.depth, pitch, lanes="channels") for v in (p.x, p.y))

    def put(self, values: Array, volume: Volume) -> Array:
        if self.lanes == "images":
            return to_lanes(values, volume, self.batch, self.at)
        return channels.laid_out(values, volume, self.at, BEYOND)

    def room(self, volume: Volume) -> Array:
        shape = (self.batch.groups, *volume.sizes, volume.pitch, self.batch.images)
        return guarded(shape if self.lanes == "images" else shape[:-1], at=self.at)

    def get(self, memory: Array, like: tuple[int, ...], volume: Volume) -> Array:
        if self.lanes == "images":
            return from_lanes(memory, like, volume)
        assert np.isfinite(memory).all()
        return memory[..., : volume.channels].reshape(like)

    def forward(self, x: Array, w: Array, b: Array, addend: Array | None = None, **options: Any) -> Array:
        k = depthwise.forward(
            "depthwise",
            self.cpu,
            self.batch,
            self.x,
            self.y,
            self.p.window,
            addend=addend is not None,
            **options,
        )
        more = {} if addend is None else {"addend": self.put(addend, self.y)}
        y = self.room(self.y)
        twice(k, {"y": y}, x=self.put(x, self.x), weight=given(w, self.at), bias=given(b, self.at), **more)
        return self.get(y, (len(x), *(a.output for a in self.p.axes), self.p.depth), self.y)

    def input_gradient(self, dy: Array, w: Array, onto: Array | None = None, **options: Any) -> Array:
        k = depthwise.input_gradient(
            "back",
            self.cpu,
            self.batch,
            self.y,
            self.x,
            self.p.window,
            accumulate=onto is not None,
            **options,
        )
        dx = self.room(self.x)
        if onto is not None:
            dx[...] = self.put(onto, self.x)
        twice(k, {"dx": dx}, dy=self.put(dy, self.y), weight=given(w, self.at))
        return self.get(dx, (len(dy), *(a.size for a in self.p.axes), self.p.depth), self.x)

    def filter_gradient(self, x: Array, dy: Array, **options: Any) -> tuple[Array, Array]:
        k = depthwise_gradient.filter_gradient(
            "filters", self.cpu, self.batch, self.x, self.y, self.p.window, **options
        )
        partial = guarded((k.tasks, math.prod(self.p.weights)), at=self.at)
        bias = guarded((k.tasks, self.p.depth), at=self.at)
        twice(
            k,
            {"partial": partial, "bias_partial": bias},
            x=self.put(x, self.x),
            dy=self.put(dy, self.y),
        )
        return partial.sum(0).reshape(self.p.weights), bias.sum(0)


def problem(*axes: Any, channels: int, **more: Any) -> Problem:
    return Problem(axes, channels, channels, groups=channels, **more)


CASES = {
    "same": problem(*(axis(8, 3, 1, 1, 1),) * 2, channels=16),
    "odd channels": problem(*(axis(7, 3, 1, 1, 1),) * 2, channels=37, samples=5),
    "strided": problem(*(axis(9, 3, 2, 1, 1),) * 2, channels=35, images=32, samples=40),
    "strided, even": problem(axis(8, 3, 2, 0, 1), axis(10, 3, 2, 1, 0), channels=5),
    "many places": problem(axis(5, 3, 1, 1, 1), axis(43, 3, 1, 1, 1), channels=3),
    "seven by seven": problem(*(axis(9, 7, 1, 3, 3),) * 2, channels=18),
    "a stride above the window": problem(axis(10, 2, 4), axis(11, 3, 5), channels=3),
    "windows wholly in padding": problem(axis(3, 1, 1, 3, 2), axis(2, 2, 2, 5, 4), channels=2),
    "padding beyond a dilated window": problem(axis(4, 3, 2, 8, 7, 2), axis(5, 2, 3, 4, 6, 3), channels=3),
    "one place": problem(*(axis(1, 5, 1, 2, 2),) * 2, channels=13),
    "three axes": problem(axis(4, 3, 1, 1, 1), axis(5, 2, 2), axis(6, 3, 1, 2, 0), channels=17),
    "one axis, many groups": problem(axis(9, 4, 1, 2, 1), channels=2, samples=50),
}


def check_exactly(p: Problem, lanes: str, cpu: Cpu | None = None, at: str = "end") -> None:
    """All passes on whole numbers."""
    x, w, b, dy = p.arrays()
    layout, blocks = Layout(p, lanes, cpu, at), p.cut[0]
    y, dx = want_y(p, x, w, b), want_dx(p, dy, w)
    np.testing.assert_array_equal(layout.forward(x, w, b, blocks=blocks), y)
    np.testing.assert_array_equal(layout.forward(x, w, b, dy, blocks=blocks), y + dy)
    np.testing.assert_array_equal(layout.input_gradient(dy, w, blocks=blocks), dx)
    np.testing.assert_array_equal(layout.input_gradient(dy, w, x, blocks=blocks), dx + x)
    dw, db = layout.filter_gradient(x, dy, blocks=blocks)
    np.testing.assert_array_equal(dw, want_dw(p, x, dy))
    np.testing.assert_array_equal(db, dy.sum(tuple(range(dy.ndim - 1))))


@pytest.mark.parametrize("lanes", LAYOUTS)
@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
@pytest.mark.sample(5)
def test_hard_cases(p: Problem, lanes: str):
    check_exactly(p, lanes, at="start" if p.depth % 2 else "end")


def test_slices_of_pitch_with_images_in_the_lanes():
    """Of a concatenation: the channels of others between."""
    check_exactly(replace(CASES["strided"], more=(3, 2)), "images")


@pytest.mark.slow
@pytest.mark.parametrize("level", [level for level in levels() if level != detect().level])
@pytest.mark.parametrize("lanes", LAYOUTS)
@pytest.mark.parametrize("case", ["odd channels", "strided", "seven by seven", "three axes", "one place"])
def test_lesser_instruction_sets(case: str, lanes: str, level: str):
    check_exactly(CASES[case], lanes, detect(level))


def drawn(seed: int) -> Problem:
    """One of endlessly many small problems of few taps."""
    p = images.drawn(seed)
    axes = tuple(a for a in p.axes if a.window <= 5)[:2] or (axis(6, 3, 2, 1, 1),)
    many = random.Random(seed).choice([1, 2, 3, 7, 16, 17, 33, 40])
    return Problem(axes, many, many, many, min(p.samples, 20), p.images, (0, 0), p.cut)


@pytest.mark.parametrize("seed", range(8))
def test_drawn_problems(seed: int):
    check_exactly(drawn(seed), LAYOUTS[seed % 2])


@pytest.mark.slow
@pytest.mark.parametrize("level", levels())
def test_many_drawn_problems(level: str):
    for seed in range(1000, 1060):
        check_exactly(drawn(seed), LAYOUTS[seed % 2], detect(level), "end" if seed % 3 else "start")


@pytest.mark.parametrize("lanes", LAYOUTS)
def test_sums_are_within_their_rounding(lanes: str):
    p = CASES["strided"]
    layout, (x, w, b, dy) = Layout(p, lanes), p.arrays(whole=False)
    ax, aw, ab, ady = (np.abs(a) for a in (x, w, b, dy))
    close(layout.forward(x, w, b), want_y(p, x, w, b), want_y(p, ax, aw, ab))
    close(layout.input_gradient(dy, w), want_dx(p, dy, w), want_dx(p, ady, aw))
    dw, db = layout.filter_gradient(x, dy)
    close(dw, want_dw(p, x, dy), want_dw(p, ax, ady))
    places = tuple(range(dy.ndim - 1))
    close(db, dy.sum(places), ady.sum(places))


@pytest.mark.parametrize("lanes", LAYOUTS)
def test_cutting_changes_no_bit(lanes: str):
    p = CASES["odd channels"]
    layout, (x, w, b, dy) = Layout(p, lanes), p.arrays(whole=False)
    forward, back = layout.forward(x, w, b), layout.input_gradient(dy, w)
    for blocks in (2, 3, 20):
        assert layout.forward(x, w, b, blocks=blocks).tobytes() == forward.tobytes()
        assert layout.input_gradient(dy, w, blocks=blocks).tobytes() == back.tobytes()


@pytest.mark.parametrize("lanes", LAYOUTS)
def test_without_bias_its_pointers_are_left_alone(lanes: str):
    p = CASES["same"]
    layout, (x, w, b, dy) = Layout(p, lanes), p.arrays()
    y = layout.forward(x, w, np.full_like(b, np.nan), bias=False)
    np.testing.assert_array_equal(y, want_y(p, x, w, 0 * b))
    dw, db = layout.filter_gradient(x, dy, bias=False)
    np.testing.assert_array_equal(dw, want_dw(p, x, dy))
    assert np.isnan(db).all()


@pytest.mark.parametrize("lanes", LAYOUTS)
@pytest.mark.parametrize(
    ("word", "formula"), [("relu", lambda v: np.maximum(v, 0)), ("tanh", np.tanh)], ids=["relu", "tanh"]
)
def test_activations(word: str, formula: Any, lanes: str):
    """Short ones behind every sum, others over finished tiles."""
    p = CASES["odd channels"]
    layout, (x, w, b, addend) = Layout(p, lanes), p.arrays(whole=False)
    got = layout.forward(x, w, b, addend, activation=Activation(word))
    size = want_y(p, abs(x), abs(w), abs(b)) + abs(addend) + 1
    assert (abs(got - formula(want_y(p, x, w, b) + addend)) <= 8 * images.EPS * size).all()


def test_tiles_that_are_alike_have_one_code():
    """All but those at the rims."""
    reach = Reach(56, 56, 3, 1, -1, 1)
    found = depthwise.columns_of(reach, 7)
    assert [(some.first, some.count, some.width) for some in found] == [(0, 1, 7), (7, 6, 7), (49, 1, 7)]
    assert [min(some.meets) for some in found] == [0, -1, -1]
    assert [max(some.meets) for some in found] == [7, 7, 6]


def test_values_of_different_pitch_are_refused():
    x, y = (Volume((1, 4, 4), 3, pitch, lanes="channels") for pitch in (3, 16))
    with pytest.raises(ValueError) as caught:
        depthwise.forward("some", detect(), Batch(1, 1), x, y, Window((1, 1, 1)))
    assert "cannot be treated lane by lane" in str(caught.value)
