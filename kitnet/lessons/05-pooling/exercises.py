import numpy as np

import kitnet
from kitnet.functional import max_pool, mean_pool
from kitnet.lessons import Function, Value

X = [[1, 3, 0, 2], [4, 2, 6, 0], [8, 0, 1, 1], [0, 0, 1, 5]]


def pooled(pool, x, size):
    return pool(np.array(x, float)[None, :, :, None], size)[0, :, :, 0]


EXERCISES = [
    Value(lambda: pooled(max_pool, X, 2)),
    Value(lambda: pooled(mean_pool, X, 2), decimals=2),
    Value(lambda: kitnet.parse("55x55x96 -> maxpool3/2").output_shape),
    Value(lambda: kitnet.parse("2x2x1 -> normpool2")(np.full((1, 2, 2, 1), 3, np.float32)).item()),
    Function(
        lambda x, F: pooled(max_pool, x, F),
        lambda: [(X, 2), (X, 4), ([[-3, -1, -2, -8], [-5, -9, -4, -6]], 2)],
    ),
]
