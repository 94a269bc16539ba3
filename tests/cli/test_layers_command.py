"""`kitnet layers` says of every word what it computes."""

import re

import pytest

from kitnet.layers import LAYERS, Loss


def test_every_entry_begins_with_a_formula(say_json):
    rows = say_json("layers")
    assert [row["word"] for row in rows] == sorted(LAYERS)
    for row in rows:
        about = row["about"]
        if row["kind"] == "loss":
            assert re.match("C = ", about), about
        else:
            assert re.match(rf"`{row['word']}.*?`:.*? (y|y_i|y\[.*?\]) = ", about), about


@pytest.mark.parametrize(
    ("word", "formula"),
    [
        ("relu", "y = max(x, 0)"),
        ("tanh", "y = tanh x"),
        ("sigmoid", "y = 1 / (1 + e^-x)"),
        ("softmax", "y_i = e^x_i / sum_j e^x_j"),
        ("add", "y = a + b + ..."),
        ("quadratic", "C = 1/2 sum_i (y_i - t_i)^2"),
    ],
)
def test_it_is_printed_in_the_words_line(say, word, formula):
    kind = "loss" if issubclass(LAYERS[word], Loss) else "block" if word == "add" else "layer"
    (line,) = (line for line in say("layers").out.splitlines() if line.startswith(f"{word} ({kind})"))
    assert formula in line
