"""Curves: what an SVG shows is what results.csv says."""

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from kitnet.look import Curve, Record, chart, curves
from kitnet.look.curves import COLOURS, MOST_DOTS, axis, round_step

RESULTS = """epoch,train_loss,train_accuracy,val_loss,val_accuracy,seconds,images_per_second
1,2.25,0.125,1.75,0.25,1.5,1000
2,1.0625,0.5,,,1.5,1000
3,0.875,0.625,0.9375,0.6,1.5,1000
4,0.75,0.75,1.25,0.7,1.5,1000
"""


def numbers_of(svg, percent=False):
    """The curves as numbers, by the places of the ticks and what is written beside them: {class: (n,2)}."""
    root = ET.fromstring(svg)
    maps = []
    for kind, place in (("x", "x"), ("y", "y")):
        ticks = [each for each in root.iter("text") if each.get("class") == kind]
        texts = [float(each.text.removesuffix(" %")) for each in ticks]
        maps.append(np.polyfit([float(each.get(place)) for each in ticks], texts, 1))
    found = {}
    for line in root.iter("polyline"):
        places = np.array([[float(n) for n in pair.split(",")] for pair in line.get("points").split()])
        values = np.stack([np.polyval(m, places[:, i]) for i, m in enumerate(maps)], 1)
        found[line.get("class")] = values / [1, 100 if percent else 1]
    return found


@pytest.mark.parametrize("what", ["loss", "accuracy"])
def test_the_points_are_those_of_results_csv(write_run, what):
    record = Record.read(write_run("net-1", RESULTS))
    assert record.held_out == "val"
    found = numbers_of(chart(curves([record], ["net-1"], what), what, what == "accuracy"), what == "accuracy")
    train = {"loss": [2.25, 1.0625, 0.875, 0.75], "accuracy": [0.125, 0.5, 0.625, 0.75]}[what]
    val = {"loss": [1.75, 0.9375, 1.25], "accuracy": [0.25, 0.6, 0.7]}[what]
    assert set(found) == {"c0 dashed", "c0"}
    np.testing.assert_allclose(found["c0 dashed"], np.stack([[1, 2, 3, 4], train], 1), atol=0.01)
    np.testing.assert_allclose(found["c0"], np.stack([[1, 3, 4], val], 1), atol=0.01)


def test_each_point_tells_its_numbers(write_run):
    record = Record.read(write_run("net-1", RESULTS))
    root = ET.fromstring(chart(curves([record], ["a <b>"], "accuracy"), "accuracy", percent=True))
    told = [each.text for each in root.iter("title")]
    assert told[1] == "a <b>, training, epoch 2: 50 %" and told[-1] == "a <b>, validation, epoch 4: 70 %"
    assert len(told) == 7


def test_runs_over_one_another(write_run):
    test = "epoch,train_loss,test_loss\n1,4.5,3\n2,4,2\n"
    records = [Record.read(write_run("one", RESULTS)), Record.read(write_run("two", test))]
    drawn = curves(records, ["one", "two"], "loss")
    assert [(curve.label, curve.dashed) for curve in drawn] == [
        *[("one, training", True), ("one, validation", False)],
        *[("two, training", True), ("two, test", False)],
    ]
    found = numbers_of(chart(drawn, "loss"))
    np.testing.assert_allclose(found["c1 dashed"], [[1, 4.5], [2, 4]], atol=0.02)
    np.testing.assert_allclose(found["c1"], [[1, 3], [2, 2]], atol=0.02)
    assert f"c{(COLOURS + 2) % COLOURS}" in chart([Curve("", COLOURS + 2, False, [1.0], [1.0])], "loss")


def test_a_run_without_a_validation_part(write_run):
    text = "epoch,train_loss,val_loss\n1,4,\n2,3,\n"
    record = Record.read(write_run("net-1", text))
    assert record.held_out == ""
    assert [curve.label for curve in curves([record], ["net-1"], "loss")] == ["net-1, training"]


def test_one_epoch_and_none(write_run):
    one = chart([Curve("x", 0, False, [1.0], [0.5])], "loss")
    assert one.count("<circle") == 1 and "nan" not in one
    assert chart([], "loss") == "" and chart([Curve("x", 0, False, [1.0], [None])], "loss") == ""
    assert curves([Record.read(write_run("new"))], ["new"], "loss") == []


def test_long_runs_have_no_dots():
    epochs = [float(i) for i in range(1, MOST_DOTS + 2)]
    assert "<circle" not in chart([Curve("x", 0, False, epochs, epochs)], "loss")
    assert chart([Curve("x", 0, False, epochs[1:], epochs[1:])], "loss").count("<circle") == MOST_DOTS


@pytest.mark.parametrize(
    ("least", "step"), [(0.9, 1), (1, 1), (1.1, 2), (2.5, 5), (6, 10), (0.03, 0.05), (1e-9, 1e-9), (300, 500)]
)
def test_round_steps(least, step):
    assert round_step(least) == pytest.approx(step)


@pytest.mark.parametrize(
    "values",
    [[0.1, 0.9], [3, 3], [0.0, 0.0], [-2.5, 1e6], [1e-8, 2e-8], [1, 200], [-9e99, 9e99], [0, 5e-324]],
)
@pytest.mark.parametrize("whole", [False, True])
def test_axes_hold_their_values(values, whole):
    found = axis(values, 46, 352, whole)
    assert all(46 <= found.place(value) <= 352 for value in values)
    ticks = [found.place(tick) for tick in found.ticks]
    assert all(46 - 1e-6 <= place <= 352 + 1e-6 for place in ticks) and len(ticks) <= 7
    if whole:
        assert all(tick == round(tick) for tick in found.ticks)
    else:
        steps = np.diff(found.ticks)
        assert len(ticks) >= 2 and steps == pytest.approx([steps[0]] * len(steps))
        mantissa = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
        assert min(abs(mantissa - each) for each in (1, 2, 5)) < 1e-6
