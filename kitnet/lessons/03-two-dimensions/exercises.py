import numpy as np

import kitnet
from kitnet.base.error import KitnetError
from kitnet.functional import convolve
from kitnet.lessons import Function, Value

ALEXNET = kitnet.parse("227x227x3 -> conv11-96/4")


def outputs(W, F, P, S):
    try:
        return kitnet.parse(f"{W}x1 -> conv{F}-1/{S} pad={P}").output_shape[0]
    except KitnetError:
        return 0


def correlate(x, w):
    x, w = np.array(x, float)[None, :, :, None], np.array(w, float)[:, :, None, None]
    return convolve(x, w)[0, :, :, 0]


EXERCISES = [
    Value(lambda: ALEXNET.output_shape),
    Value(lambda: ALEXNET.ledger().totals["weights"]),
    Value(lambda: kitnet.parse("64x1 -> conv7-1/2 pad=3 floor").output_shape[0]),
    Value(lambda: kitnet.parse("64x1 -> conv5-1 dilation=3").ledger().rows[-1].receptive_field[0]),
    Function(
        outputs,
        lambda: [(5, 3, 1, 1), (5, 3, 1, 2), (5, 3, 1, 3), (227, 11, 0, 4), (10, 3, 0, 2), (3, 7, 0, 1)],
    ),
    Function(
        correlate,
        lambda: [([[1, 2, 3], [4, 5, 6]], [[1, 0], [0, -1]]), ([[1, 2], [3, 4], [5, 6]], [[2], [1]])],
    ),
]
