"""LeNet-5's output: Euclidean radial basis units on fixed bitmaps, and the loss that goes with them.

Unit i measures how far the 84 values of F6 are from the 7x12 bitmap of digit i, drawn with -1 and +1 (LeCun
et al. 1998, equation 7):

    y_i = sum_j (x_j - w_ij)^2,   dx_j = 2 sum_i dy_i (x_j - w_ij)

The smallest y wins. The loss (equation 9) pulls the right unit down and pushes the others up, as a rubbish
class of penalty j would compete with them: C = y_t + log(e^-j + sum_i e^-y_i). The bitmaps are not learned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer, Loss
from kitnet.layers.softmax import log_sum_exp, softmax
from kitnet.layers.target import one_hot_targets, weighted
from kitnet.layers.terms import At, Number, Pass, Term, Terms

# Drawn for kitnet in the manner of the paper's figure 3, which prints such bitmaps as pictures.
DIGITS = """
..###.. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.#...#. ..##... #.....# #.....# ...#.#. #...... .#..... ......# #.....# #.....#
#.....# .#.#... ......# ......# ...#.#. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# ......# ..#..#. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....#. ......# ..#..#. #.####. #.####. ....#.. .#...#. #....##
#.....# ...#... ....#.. ..####. .#...#. ##....# ##....# ....#.. ..###.. .####.#
#.....# ...#... ...#... ......# .#...#. ......# #.....# ...#... .#...#. ......#
#.....# ...#... ..#.... ......# ####### ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ..#.... #.....# ......#
#.....# ...#... #...... ......# .....#. ......# #.....# ..#.... #.....# ......#
.#...#. ...#... #...... #.....# .....#. #.....# .#...#. .#..... #.....# .#...#.
..###.. .#####. ####### .#####. .....#. .#####. ..###.. .#..... .#####. ..###..
"""


def digit_bitmaps() -> Array:
    """(10, 84): row i is the bitmap of digit i, 12 rows of 7, +1 for ink and -1 for paper."""
    rows = [line.split() for line in DIGITS.split("\n") if line]
    ink = np.array([[[dot == "#" for dot in row[digit]] for row in rows] for digit in range(10)])
    return np.where(ink, 1.0, -1.0).reshape(10, 84)


@dataclass(frozen=True)
class RadialBasis(Layer):
    """`rbf`: y_i = sum_j (x_j - w_ij)^2: ten units, one a digit, on an input of 84 values. The smallest
    output wins."""

    word = "rbf"

    def output_shape(self, *x: Shape) -> Shape:
        if math.prod(x[0]) != 84:
            raise ShapeError(
                f"the digits' bitmaps have 7x12 = 84 places, but the input is {say(x[0])}",
                "put fc84 before it",
            )
        return (10,)

    def connections(self, *x: Shape) -> int:
        return 840

    def multiplications(self, *x: Shape) -> int:
        return 840

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward((self._differences(x[0]) ** 2).sum(-1))

    def _differences(self, x: Array) -> Array:
        return x.reshape(len(x), 1, 84) - digit_bitmaps().astype(x.dtype)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        dx = 2 * (dy[..., None] * self._differences(kept.x[0])).sum(1)
        return Backward((dx.reshape(kept.shapes[0]),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of the squared differences of x and a bitmap."""
        if at.of != "y":
            return super().terms(run, at)
        differences = self._differences(run.x[0])[at.index]
        numbers = [Number("difference", (*at.index, j), float(d)) for j, d in enumerate(differences)]
        return Terms(tuple(Term((one, one)) for one in numbers))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y, bitmaps = np.zeros((len(x[0]), 10), x[0].dtype), digit_bitmaps()
        for n, i, j in np.ndindex(len(x[0]), 10, 84):
            y[n, i] += (x[0][n].flat[j] - bitmaps[i, j]) ** 2
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((84,),))
        yield Case(cls(), ((2, 3, 14),), batch=1)


@dataclass(frozen=True)
class RadialBasisPenalty(Loss):
    """C = y_t + log(e^-j + sum_i e^-y_i), the loss of equation 9 on distances y. `rubbish` is j, the penalty
    of the class of everything else; 1 unless given.

    The paper leaves j open. dy_i = t_i - q_i and dt = y, q_i = e^-y_i / (e^-j + sum e^-y), for a target that
    sums to 1.
    """

    word = "rbf_penalty"
    suits = frozenset({"rbf"})

    rubbish: float = 1.0

    def _with_rubbish(self, y: Array) -> Array:
        """The exponents -y_0 .. -y_9, -j."""
        return np.concatenate([-y, np.full((*y.shape[:-1], 1), -self.rubbish, y.dtype)], -1)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        y, t = x
        each = weighted(t, y).sum(-1) + log_sum_exp(self._with_rubbish(y))[..., 0]
        return Forward(each.sum(tuple(range(1, each.ndim))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        y, t = kept.x
        dy = dy.reshape(-1, *(1,) * (y.ndim - 1))
        return Backward((dy * (t - softmax(self._with_rubbish(y))[..., :-1]), dy * y))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of targets times distances, and the logarithm of what the other classes claim."""
        if at.of != "y":
            return super().terms(run, at)
        (n,), (y, t) = at.index, run.x
        logs = log_sum_exp(self._with_rubbish(y))[..., 0]
        pulled = [
            run.term(("x1", i), ("x0", i)) for i in ((n, *map(int, place)) for place in np.argwhere(t[n]))
        ]
        pushed = [
            Term((Number("log_sum_exp", (n, *place), float(logs[n, *place])),))
            for place in np.ndindex(logs.shape[1:])
        ]
        return Terms((*pulled, *pushed))

    def probabilities(self, scores: Array) -> Array:
        """What is missing to 1 belongs to the rubbish class."""
        return softmax(self._with_rubbish(scores))[..., :-1]

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        c = np.zeros(len(x[0]), x[0].dtype)
        for place in np.ndindex(*x[0].shape[:-1]):
            y, t = x[0][place], x[1][place]
            c[place[0]] += math.fsum(t * y) + math.log(
                math.exp(-self.rubbish) + math.fsum(math.exp(-v) for v in y)
            )
        return c

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)), draw=one_hot_targets)
        yield Case(cls(4.5), ((3,), (3,)), batch=3)
