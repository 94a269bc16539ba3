import numpy as np

from kitnet.functional import convolve_backward
from kitnet.lessons import Function, Value


def back(dy, x, w):
    dy, x, w = (np.array(values, float) for values in (dy, x, w))
    dx, dw, db = convolve_backward(dy[None, ..., None], x[None, ..., None], w[..., None, None])
    return dx[0, ..., 0], dw[..., 0, 0], db


X, W, DY = [1, 2, 3, 4], [1, 2], [1, 0, 10]

EXERCISES = [
    Value(lambda: back(DY, X, W)[0]),
    Value(lambda: back(DY, X, W)[1]),
    Value(lambda: back(DY, X, W)[2]),
    Function(
        lambda dy, w: back(dy, np.zeros(len(dy) + len(w) - 1), w)[0],
        lambda: [(DY, W), ([1], [1, 2, 3]), ([0, 1, -1], [2, 0, 5])],
    ),
    Function(
        lambda x, dy: back(dy, x, np.zeros((len(x) - len(dy) + 1, len(x[0]) - len(dy[0]) + 1)))[1],
        lambda: [([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [2, -1]]), ([[1, 2], [3, 4]], [[3, 1]])],
    ),
]
