import numpy as np
from sklearn.datasets import load_digits

from kitnet.data import load
from kitnet.data.digits import read_digits


def test_they_are_those_of_scikit_learn():
    original = load_digits()
    (images, labels), (tested, test_labels) = read_digits()
    np.testing.assert_array_equal(np.concatenate([labels, test_labels]), original.target)
    pixels = np.concatenate([images, tested])[..., 0]
    np.testing.assert_array_equal(pixels, np.floor(original.images * 255 / 16 + 0.5))
    np.testing.assert_array_equal(np.round(pixels / 255 * 16), original.images)  # nothing was lost


def test_the_sizes():
    train, _, test = load("digits")
    assert (train.images.shape, test.images.shape) == ((1437, 8, 8, 1), (360, 8, 8, 1))
    assert train.images.dtype == np.uint8 and train.labels.dtype == np.int64
    assert (train.images.min(), train.images.max()) == (0, 255)
    assert train.name == test.name == "digits"
    assert train.classes == test.classes == tuple("0123456789")
