import numpy as np

import kitnet
from kitnet.layers import Context, Kept, Quadratic, SigmoidCrossEntropy
from kitnet.lessons import Function, Value


def residual(loss, a, y):
    a, y = np.atleast_2d(a).astype(float), np.atleast_2d(y).astype(float)
    made = loss.forward({}, {}, Context(), a, y).y
    return loss.backward({}, Kept((a.shape, y.shape), (a, y), made), np.ones(len(a))).dx[0][0]


def through_sigmoid(z, y):
    tape = kitnet.parse("1 -> sigmoid").tape(np.array([[z]], float))
    return tape.backward(residual(Quadratic(), tape.output[0], [y])[None])["input"].item()


def hidden(x, y, V, b, U, c):
    V, U = np.array(V, float), np.array(U, float)
    net = kitnet.parse(f"{len(x)} -> fc{V.shape[1]} -> sigmoid -> fc{U.shape[1]}").initialise(
        dtype=np.float64
    )
    for path, value in (("fc1.weight", V), ("fc1.bias", b), ("fc2.weight", U), ("fc2.bias", c)):
        net.weights[path][...] = value
    tape = net.tape(np.array([x], float))
    return tape.backward(residual(SigmoidCrossEntropy(), tape.output[0], y)[None])["fc1.weight"]


def networks():
    yield (
        [1, 2],
        [1, 0],
        [[0.5, -1, 2], [1, 0.5, -0.5]],
        [0.1, -0.2, 0],
        [[1, -0.5], [-1, 2], [0.5, 1]],
        [0.2, -0.1],
    )
    yield [3], [0], [[0.5, 1]], [0, 1], [[2], [-1]], [0.5]


EXERCISES = [
    Value(lambda: through_sigmoid(0, 1), decimals=3),
    Value(lambda: through_sigmoid(2, 0), decimals=3),
    Value(lambda: residual(SigmoidCrossEntropy(), [2], [0]), decimals=3),
    Function(
        lambda z, y: residual(SigmoidCrossEntropy(), z, y), lambda: [([0, 2, -30], [1, 0, 1]), ([5], [0])]
    ),
    Function(hidden, lambda: list(networks())),
]
