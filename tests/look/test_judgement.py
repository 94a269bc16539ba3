"""What a model says of its test part, and its worst mistakes."""

import numpy as np
import pytest
from PIL import Image

from kitnet.base.error import KitnetError
from kitnet.data import Dataset, Parts, load
from kitnet.look import Record, judged, worst
from kitnet.look.mistakes import SIDE, small
from kitnet.train import Judgement, Model, Settings, evaluate, judge, train


def test_a_judgement_is_what_evaluate_finds(ran, easy):
    model, found = judged(Record.read(ran))
    *_, test = load(easy)
    score = evaluate(Model.load(ran), test)
    assert found.accuracy == pytest.approx(score.accuracy)
    assert found.losses.mean() == pytest.approx(score.loss, rel=1e-5)
    images, labels = test.read(np.arange(len(test)))
    assert found.labels.tolist() == labels.tolist() and len(found.labels) == 40
    probabilities = Model.load(ran).judge(model.preparation.prepare(images), labels)[1]
    assert found.predicted.tolist() == probabilities.argmax(1).tolist()
    assert found.confidence == pytest.approx(probabilities.max(1), rel=1e-4)


def test_a_run_hands_on_its_judgement_of_the_test_part(easy, tmp_path):
    settings = Settings(model="8x8x1 -> fc10", data=easy, epochs=1, engine="formula", runs=str(tmp_path))
    *_, ended = train(settings)
    assert ended.judgement.score == Model.load(ended.folder).evaluate(load(easy).test)
    _, found = judged(Record.read(ended.folder))
    assert np.array_equal(ended.judgement.predicted, found.predicted)
    assert ended.judgement.losses == pytest.approx(found.losses, rel=1e-5)  # which is compiled


def test_without_a_test_part_the_validation_part_is_judged(ran, easy, monkeypatch):
    train, test = load(easy).train, load(easy).test
    for parts, part, source in (
        (Parts(train, None, test), "test", test),
        (Parts(train, train, test), "test", test),
        (Parts(train, test, None), "validation", test),
    ):
        monkeypatch.setattr("kitnet.train.held_out.load", lambda *given, parts=parts: parts)
        _, found = judged(Record.read(ran))
        assert (found.part, found.source) == (part, source)
    monkeypatch.setattr("kitnet.train.held_out.load", lambda *given: Parts(train))
    assert judged(Record.read(ran))[1] is None


def test_data_of_other_classes(ran, judgement):
    with pytest.raises(KitnetError) as caught:
        judge(Model.load(ran), judgement.source)
    assert str(caught.value) == (
        "eight: its classes are ('a', 'b', 'c'), but the model's ('0', '1', '2', '3', '4', '5', '6', '7', "
        "'8', '9'); give the data that it was trained for"
    )


def test_data_of_other_names(ran, easy):
    """As many classes, so that their numbers alone would not tell."""
    test = load(easy).test
    other = Dataset("other", test.images, test.labels, tuple("abcdefghij"))
    for act in (judge, evaluate):
        with pytest.raises(
            KitnetError, match=r"^other: its classes are \('a', 'b', .*, but the model's \('0', "
        ):
            act(Model.load(ran), other)


def test_classes_in_another_order_are_matched_by_name(ran, easy):
    test, model = load(easy).test, Model.load(ran)
    turned = Dataset("turned", test.images, 9 - test.labels, test.classes[::-1])
    want, found = judge(model, test), judge(model, turned)
    assert found.classes == test.classes and found.labels.tolist() == test.labels.tolist()
    assert found.accuracy == want.accuracy and np.array_equal(found.losses, want.losses)
    assert evaluate(model, turned) == evaluate(model, test) == model.evaluate(turned)


def test_the_worst_mistakes(judgement):
    found = worst(judgement, 4)
    # numbers 4 (loss 5), 1 and 7 (3 each, in their order), 6 (2)
    assert [each.called for each in found] == ["image 4", "image 1", "image 7", "image 6"]
    assert [(each.label, each.predicted, each.confidence, each.loss) for each in found[:2]] == [
        ("c", "b", 0.5, 5.0),
        ("a", "b", 0.8, 3.0),
    ]
    images, _ = judgement.source.read(np.arange(8))
    for each, number in zip(found, (4, 1, 7, 6), strict=True):
        assert np.array_equal(each.image, images[number])
    assert len(worst(judgement)) == 5


def test_nothing_is_wrong(judgement):
    labels = judgement.labels
    right = Judgement(judgement.source, labels, labels, judgement.confidence, judgement.losses)
    assert worst(right) == [] and right.accuracy == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_large_pictures_are_reduced_in_proportion(channels):
    image = np.full((3 * SIDE, 2 * SIDE, channels), 77, np.uint8)
    found = small(image)
    assert found.shape == (SIDE, round(SIDE * 2 / 3), channels) and (found == 77).all()
    same = np.zeros((SIDE, 3, channels), np.uint8)
    assert small(same) is same


def test_pictures_of_sizes_of_their_own(tmp_path):
    for i in range(8):
        path = tmp_path / "data" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((5 + i, 4, 3), 10 * i, np.uint8)).save(path)
    train, *_ = load(tmp_path / "data", split=0.5)
    labels = train.read(np.arange(len(train)))[1]
    numbers = np.arange(len(train), dtype=float)
    found = worst(Judgement(train, labels, 1 - labels, numbers, numbers))
    assert found[0].called.endswith(".png") and found[0].image.shape[2] == 3
    assert {each.label for each in found} <= {"a", "b"}


def test_what_lies_in_memory_is_called_by_its_number():
    assert Dataset("x", np.zeros((1, 2, 2, 1), np.uint8), np.zeros(1, int), ("a",)).called(0) == "image 0"
