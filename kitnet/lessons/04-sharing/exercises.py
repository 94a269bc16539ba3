import numpy as np

import kitnet
from kitnet.layers import Convolution
from kitnet.lessons import Function, Value
from kitnet.surgery import matrix


def only(line):
    (row,) = kitnet.parse(line).ledger().rows
    return row


def band(w, n):
    weights = {"weight": np.reshape(w, (-1, 1, 1)).astype(float)}
    return matrix(Convolution((len(w),), 1, bias=False), (n, 1), weights).dense().T


EXERCISES = [
    Value(lambda: only("28x28x16 -> conv5-32").parameters),
    Value(lambda: only("28x28x16 -> local5-32").weights),
    Value(lambda: only("28x28x16 -> conv5-32").multiply_adds),
    Function(
        lambda H, W, D, F, K: only(f"{H}x{W}x{D} -> conv{F}-{K}").parameters,
        lambda: [(32, 32, 3, 5, 6), (28, 28, 16, 3, 8), (9, 7, 1, 1, 2)],
    ),
    Function(band, lambda: [([1, 0, -1], 7), ([2, 3], 3), ([5], 2)]),
]
