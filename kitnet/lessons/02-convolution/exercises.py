import numpy as np

from kitnet.functional import convolve
from kitnet.lessons import Function, Value


def line(f, g, pad="valid", flip=True):
    f, g = np.reshape(f, (1, -1, 1)).astype(float), np.reshape(g, (-1, 1, 1)).astype(float)
    return convolve(f, g, pad=pad, flip=flip).ravel()


def picture(x, k, flip):
    x, k = np.array(x, float)[None, :, :, None], np.array(k, float)[:, :, None, None]
    return convolve(x, k, flip=flip)[0, :, :, 0]


EXERCISES = [
    Value(lambda: line([1, 2, 3], [4, 5], "full")),
    Value(lambda: line([1, 2, 3], [4, 5], "valid", flip=False)),
    Value(lambda: [len(line([0] * 100, [0] * 9, pad)) for pad in ("valid", "same", "full")]),
    Value(lambda: picture([[1, 2, 0], [0, 1, 3], [2, 0, 1]], [[1, 2], [3, 4]], flip=True)),
    Function(
        lambda f, g: line(f, g, "full"),
        lambda: [([0, 1, 2, -1, 3], [1, 1, 0]), ([1, 2], [1, 2, 3]), ([5], [1, -1])],
    ),
]
