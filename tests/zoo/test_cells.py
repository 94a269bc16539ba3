"""Cells by hand: edges, Gabor filters, and the simple and complex cells of Hubel and Wiesel."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row

from kitnet.base.spec import Array
from kitnet.zoo.cells import edges, gabors, hubel_wiesel, reinforced

ORIENTATIONS = 8


def edge(i: int, shift: float = 0.0) -> Array:
    """(1, 16, 16, 1): bright towards the angle 2 pi i / 8, dark elsewhere, `shift` places from the centre."""
    y, x = np.mgrid[:16, :16] - 7.5
    angle = 2 * np.pi * i / ORIENTATIONS
    return np.clip(x * np.cos(angle) + y * np.sin(angle) - shift + 0.5, 0, 1)[None, :, :, None]


@row(92)
@pytest.mark.parametrize("i", range(ORIENTATIONS))
def test_a_simple_cell_detects_an_edge_of_its_orientation(i: int) -> None:
    through_places = 0 if i % 2 else 0.5  # so that the edge passes through centres, as that of a seed
    simple = hubel_wiesel().tape(edge(i, through_places))["S"][0, 4:12, 4:12]
    strongest = simple.max((0, 1))
    assert strongest.argmax() == i and strongest[i] > 0.4
    opposite = (i + ORIENTATIONS // 2) % ORIENTATIONS
    assert strongest[opposite] == 0


@row(92)
def test_a_complex_cell_does_not_mind_a_small_shift() -> None:
    """The edge moves by one place within the four of a complex cell; simple cells fall silent on the way."""
    net = hubel_wiesel()
    tapes = [net.tape(edge(0, shift)) for shift in (0.5, 1.5)]
    simple = [tape["S"][0, 8, 8:12, 0] for tape in tapes]
    assert simple[0].argmax() + 1 == simple[1].argmax()
    moved = np.abs(simple[0] - simple[1]).max()
    complex_cells = [tape["C"][0, 2, 2, 0] for tape in tapes]
    assert moved > 0.4
    assert abs(complex_cells[0] - complex_cells[1]) < 0.05 and min(complex_cells) > 0.4


@row(92)
def test_uniform_light_excites_no_simple_cell() -> None:
    tape = hubel_wiesel().tape(np.ones((1, 16, 16, 1)))
    assert tape["S"][0, 4:12, 4:12].max() == 0


def test_edge_0_is_bright_to_the_right_and_edge_2_of_8_below() -> None:
    right, _, below, *_ = np.moveaxis(edges(ORIENTATIONS, 5)[:, :, 0], -1, 0)
    assert right[2, 4] == below[4, 2] == 1
    assert right[2, 0] == below[0, 2] == 0
    np.testing.assert_allclose(right.T, below, atol=1e-12)


@row(94)
def test_gabor_filters_have_no_mean_and_length_1_and_prefer_their_own_grating() -> None:
    size, count = 11, 4
    filters = gabors(count, size)[:, :, 0]
    np.testing.assert_allclose(filters.sum((0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose((filters**2).sum((0, 1)), 1)
    y, x = np.mgrid[:size, :size] - 5.0
    wave = 5.6  # places; Serre et al. 2007, table 1, for filters of 11x11
    for i in range(count):
        angle = np.pi * i / count
        grating = np.cos(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / wave)
        answers = abs((filters * grating[..., None]).sum((0, 1)))
        assert answers.argmax() == i
        assert answers[i] > 3 * np.delete(answers, i).max()


def test_a_seed_of_zeros_makes_a_silent_cell() -> None:
    seeds = np.stack([np.ones((2, 2, 1)), np.zeros((2, 2, 1))], -1)
    found = reinforced(seeds)
    assert found["weight"][..., 1].max() == found["inhibition"][1] == 0
    assert found["weight"][..., 0].min() > 0 and found["inhibition"][0] > 0
