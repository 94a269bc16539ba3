"""Convolution by Fourier transforms of the whole input, in NumPy.

A product of spectra is a circular convolution; on at least M + N - 1 places the ring has room for all of the
true one (Mathieu, Henaff & LeCun, "Fast training of convolutional networks through FFTs", 2014). With X, W
and D the spectra of the padded input, of the filters and of dy, for each frequency f, and conj for the
complex conjugate, which turns a signal:

    Y[f] = X[f] conj(W[f])      dX[f] = D[f] W[f]^T      dW[f] = X[f]^T conj(D[f])

as products of matrices: X (samples, maps), W (maps, filters), D (samples, filters). The places between
strides, and between the taps of a dilated window, are 0 or are thrown away. Filters are transformed once in
the forward pass, and in every run of the gradient of the data, since training changes them.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.lab.algorithm import Algorithm, Ready
from kitnet.lab.problem import InapplicableError, Pass, Problem
from kitnet.layers.window import Axes, padded, unpadded

MOST_BYTES = 256 << 20  # of the spectra


def ring(axes: Axes) -> Shape:
    """Places of the transform along each axis: room for the padded input, and quickly transformed."""
    return tuple(
        _smooth(max(a.size + a.before + a.after, (a.output - 1) * a.stride + a.extent)) for a in axes
    )


def _smooth(least: int) -> int:
    """The least number from there on whose prime factors are 2, 3 and 5."""
    return next(n for n in itertools.count(least) if 30 ** n.bit_length() % n == 0)


def spread(values: Array, steps: Shape, first: int) -> Array:
    """Values (..., *sizes, ...) with 0 between, so many places apart; `first` is the first spread axis."""
    sizes = list(values.shape)
    for i, step in enumerate(steps):
        sizes[first + i] = (sizes[first + i] - 1) * step + 1
    found = np.zeros(sizes, values.dtype)
    found[*([slice(None)] * first), *(slice(None, None, step) for step in steps)] = values
    return found


class Transforms:
    """The three passes on the rings of some axes; x (N, *sizes, C), w (*window, C, K), dy (N, *output, K)."""

    def __init__(self, axes: Axes) -> None:
        self.axes, self.sizes = axes, ring(axes)
        self._strides, self._dilations = tuple(a.stride for a in axes), tuple(a.dilation for a in axes)
        self._last = tuple(range(2, 2 + len(axes)))

    def of_data(self, x: Array) -> Array:
        """(*frequencies, N, C) of the padded input."""
        return self._transformed(np.moveaxis(padded(x, self.axes), 0, -2))

    def of_filters(self, w: Array) -> Array:
        """(*frequencies, C, K) of w (*window, C, K)."""
        return self._transformed(spread(w, self._dilations, 0))

    def of_output(self, dy: Array) -> Array:
        """(*frequencies, N, K), the numbers of dy a stride apart."""
        return self._transformed(np.moveaxis(spread(dy, self._strides, 1), 0, -2))

    def forward(self, x: Array, filters: Array) -> Array:
        """y, where the filters are given as their spectra."""
        y = np.moveaxis(self._back(self.of_data(x) @ filters.conj()), -2, 0)
        seen = (slice(0, (a.output - 1) * a.stride + 1, a.stride) for a in self.axes)
        return y[:, *seen]

    def data(self, dy: Array, w: Array) -> Array:
        """dx."""
        dx = np.moveaxis(self._back(self.of_output(dy) @ self.of_filters(w.swapaxes(-1, -2))), -2, 0)
        on_padded = (slice(a.before + a.size + a.after) for a in self.axes)
        return unpadded(dx[:, *on_padded], self.axes)

    def weights(self, x: Array, dy: Array) -> Array:
        """dw."""
        dw = self._back(self.of_data(x).swapaxes(-1, -2) @ self.of_output(dy).conj())
        return dw[*(slice(0, a.extent, a.dilation) for a in self.axes)]

    def _transformed(self, values: Array) -> Array:
        """(*sizes, rows, columns) -> (*frequencies, rows, columns), transformed where they lie together."""
        last = np.ascontiguousarray(np.moveaxis(values, (-2, -1), (0, 1)))
        spectra = np.fft.rfftn(last, self.sizes, self._last)
        return np.ascontiguousarray(np.moveaxis(spectra, (0, 1), (-2, -1)))

    def _back(self, spectra: Array) -> Array:
        """The way back from `_transformed`: (*ring, rows, columns)."""
        last = np.ascontiguousarray(np.moveaxis(spectra, (-2, -1), (0, 1)))
        return np.moveaxis(np.fft.irfftn(last, self.sizes, self._last), (0, 1), (-2, -1))


def convolve_by_fourier(x: Array, w: Array, axes: Axes) -> Array:
    """y (N, *output, K), the correlation of x (N, *sizes, C) with w (*window, C, K)."""
    transforms = Transforms(axes)
    return transforms.forward(x, transforms.of_filters(w))


def _prepare(problem: Problem, which: Pass) -> Ready:
    if problem.w is None:
        raise InapplicableError("only for convolutions")
    if problem.groups > 1:
        raise InapplicableError(f"written without groups; the layer has {problem.groups}")
    transforms, x, w, dy = Transforms(problem.axes), problem.x, problem.filters, problem.dy
    pairs = len(x) * (w.shape[-2] + w.shape[-1]) + w.shape[-2] * w.shape[-1]
    size = 8 * math.prod(transforms.sizes) * pairs // 2
    if size > MOST_BYTES:
        raise InapplicableError(
            f"the spectra would take {size / 2**20:,.0f} MiB, of {MOST_BYTES >> 20:,} at most"
        )
    match which:
        case "forward":
            filters = transforms.of_filters(w)
            return Ready(lambda: transforms.forward(x, filters), held=filters.nbytes)
        case "data":
            return Ready(lambda: transforms.data(dy, w))
        case "weights":
            return Ready(lambda: problem.turned(transforms.weights(x, dy)))


FOURIER = Algorithm("fourier", "transforms of the whole input, in NumPy", _prepare)
