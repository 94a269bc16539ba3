"""Confusion matrices and tables of classes, against scikit-learn's."""

import csv

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from kitnet.look import Confusion, class_scores, classes_csv, confusions, matrix

rng = np.random.default_rng(5)
LABELS, PREDICTED = rng.integers(0, 4, 200), rng.integers(1, 5, 200)  # class 4 never comes, 0 is never taken
CLASSES = ("a", 'b, "c"', "d", "e", "f")


def test_the_matrix():
    found = matrix(LABELS, PREDICTED, 5)
    assert found.tolist() == confusion_matrix(LABELS, PREDICTED, labels=range(5)).tolist()
    assert found[0, 4] == sum((LABELS == 0) & (PREDICTED == 4))  # rows are the true classes


def test_precision_recall_and_support():
    scores = class_scores(LABELS, PREDICTED, CLASSES)
    precision, recall, _, support = precision_recall_fscore_support(
        LABELS, PREDICTED, labels=range(5), zero_division=np.nan
    )
    assert [score.support for score in scores] == support.tolist()
    for score, p, r in zip(scores, precision, recall, strict=True):
        assert (score.precision is None and np.isnan(p)) or score.precision == pytest.approx(p)
        assert (score.recall is None and np.isnan(r)) or score.recall == pytest.approx(r)
    assert scores[0].precision is None and scores[4].recall is None


def test_the_table_as_text():
    scores = class_scores(LABELS, PREDICTED, CLASSES)
    rows = list(csv.DictReader(classes_csv(scores).splitlines()))
    assert [row["class"] for row in rows] == list(CLASSES)
    for row, score in zip(rows, scores, strict=True):
        assert int(row["support"]) == score.support
        for name in ("precision", "recall"):
            share = getattr(score, name)
            assert row[name] == "" if share is None else float(row[name]) == pytest.approx(share, rel=1e-5)


def test_the_most_frequent_confusions_come_first(judgement):
    found = confusions(judgement.labels, judgement.predicted)
    assert found == [Confusion(0, 1, 2), Confusion(2, 1, 2), Confusion(1, 2, 1)]
    assert confusions(np.array([1, 2]), np.array([1, 2])) == []
