import numpy as np

import kitnet
from kitnet.functional import max_pool_backward, mean_pool_backward
from kitnet.lessons import Function, Value

X = [[1, 3, 0, 2], [4, 2, 6, 0], [8, 0, 1, 1], [0, 0, 1, 5]]
DY = [[1, 2], [3, 4]]


def volume(a):
    return np.array(a, float)[None, :, :, None]


def back(how, dy, x, size):
    return how(volume(dy), volume(x), size)[0, :, :, 0]


EXERCISES = [
    Value(lambda: back(max_pool_backward, DY, X, 2)),
    Value(lambda: back(mean_pool_backward, DY, X, 2)[0], decimals=2),
    Value(lambda: kitnet.parse("32x32x1 -> conv5-6 -> subsample2").ledger().rows[-1].connections),
    Function(
        lambda dy, F: back(mean_pool_backward, dy, np.zeros((len(dy) * F, len(dy[0]) * F)), F),
        lambda: [(DY, 2), ([[9]], 3), ([[1, -1, 2]], 2)],
    ),
    Function(
        lambda dy, x, F: back(max_pool_backward, dy, x, F),
        lambda: [(DY, X, 2), ([[7]], X, 4), ([[5]], [[-3, -1], [-2, -8]], 2)],
    ),
]
