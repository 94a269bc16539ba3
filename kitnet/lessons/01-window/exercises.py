import numpy as np

from kitnet.functional import convolve, normalised_correlation
from kitnet.lessons import Function, Value


def slide(x, w):
    x, w = np.reshape(x, (1, -1, 1)).astype(float), np.reshape(w, (-1, 1, 1)).astype(float)
    return convolve(x, w).ravel()


def cosine(a, b):
    a, b = np.reshape(a, (1, -1, 1)).astype(float), np.reshape(b, (-1, 1, 1)).astype(float)
    return normalised_correlation(a, b).item()


def pairs():
    return [([3, 1, 4, 1, 5, 9, 2], [1, 0, -1]), ([1, 2, 3, 4], [5]), ([1, -2, 3], [2, 0.5, 1])]


def vectors():
    return [([1, 2, 1], [2, 4, 2]), ([3, 4], [4, -3]), ([1, 2, 3, 4], [-1, 0, 2, 2]), ([0, 0], [1, 2])]


EXERCISES = [
    Value(lambda: len(slide([0] * 227, [0] * 11))),
    Value(lambda: slide([2, 7, 1, 8, 2, 8], [-1, 2, -1])),
    Value(lambda: cosine([1, 2, 3], [3, 2, 1]), decimals=2),
    Function(slide, pairs),
    Function(cosine, vectors),
]
