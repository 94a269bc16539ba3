"""Answers to the exercises of the book, found without kitnet, and wrong ones that a reader might give."""

from __future__ import annotations

from typing import Any

import numpy as np

Answers = list[tuple[Any, Any]]  # right, wrong; an exercise each


def slide(x: Any, w: Any) -> Any:
    return np.correlate(x, w, "valid")


def cosine(a: Any, b: Any) -> float:
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.dot(a, b) / lengths) if lengths else 0.0


WINDOW: Answers = [
    ("217", "216"),
    ("11 -13 13 -12", "11, 13, 13, 12"),
    ("0.71", "0.72"),
    (slide, lambda x, w: np.convolve(x, w, "valid")),
    (cosine, np.dot),
]

CONVOLUTION: Answers = [
    ("4 13 22 15", "5 14 23 12"),
    ("14 23", "13 22"),
    ("92 100 108", "91 100 109"),
    ("11 13 7 14", "9 17 8 11"),
    (np.convolve, lambda f, g: np.correlate(f, g, "full")),
]


def places(W: int, F: int, P: int, S: int) -> int:
    left = W - F + 2 * P
    return left // S + 1 if left >= 0 and left % S == 0 else 0


def correlate(x: Any, w: Any) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(np.array(x), np.shape(w))
    return np.einsum("ijrs,rs", windows, np.array(w))


TWO_DIMENSIONS: Answers = [
    ("55x55x96", "54x54x96"),
    (str(11 * 11 * 3 * 96), str(11 * 11 * 96)),
    ("32", "33"),
    ("13", "15"),
    (places, lambda W, F, P, S: (W - F + 2 * P) // S + 1),
    (correlate, lambda x, w: correlate(x, np.rot90(w, 2))),
]


def band(w: Any, n: int) -> Any:
    return [[0] * i + list(w) + [0] * (n - len(w) - i) for i in range(n - len(w) + 1)]


SHARING: Answers = [
    (str((5 * 5 * 16 + 1) * 32), str(5 * 5 * 16 * 32)),
    (str(24 * 24 * 32 * 5 * 5 * 16), str(28 * 28 * 32 * 5 * 5 * 16)),
    (str(24 * 24 * 32 * 5 * 5 * 16), str(5 * 5 * 16 * 32)),
    (lambda H, W, D, F, K: (F * F * D + 1) * K, lambda H, W, D, F, K: F * F * D * K),
    (band, lambda w, n: np.transpose(band(w, n))),
]


def pooled(x: Any, F: int, pool: Any = np.max) -> Any:
    blocks = np.reshape(x, (len(x) // F, F, len(x[0]) // F, F))
    return pool(blocks, axis=(1, 3))


POOLING: Answers = [
    ("4 6 8 5", "4 2 8 1"),
    ("2.5 2 2 2", "10 8 8 8"),
    ("27x27x96", "28x28x96"),
    ("6", "3"),
    (pooled, lambda x, F: pooled(x, F, np.mean)),
]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(z, float)))


def by_nudges(x: Any, y: Any, V: Any, b: Any, U: Any, c: Any) -> Any:
    """dC/dV by trying, with cross-entropy."""
    V, y, found = np.array(V, float), np.array(y, float), np.zeros(np.shape(V))

    def cost() -> float:
        a = sigmoid(sigmoid(x @ V + b) @ np.array(U) + c)
        return float(-(y * np.log(a) + (1 - y) * np.log(1 - a)).sum())

    for place in np.ndindex(*V.shape):
        V[place] += 1e-5
        more = cost()
        V[place] -= 2e-5
        found[place] = (more - cost()) / 2e-5
        V[place] += 1e-5
    return found


RESIDUALS: Answers = [
    ("-0.125", "-0.5"),
    (str((sigmoid(2) ** 2 * (1 - sigmoid(2))).round(5)), str(sigmoid(2).round(3))),
    (str(sigmoid(2).round(3)), "0.092"),
    (lambda z, y: sigmoid(z) - np.array(y), lambda z, y: (sigmoid(z) - np.array(y)) * sigmoid(z)),
    (by_nudges, lambda *given: by_nudges(*given) * 2),
]


FORMULAS: Answers = [
    ("1 2 10 20", "2 1 20 10"),
    ("31 42", "42 31"),
    ("11", "1"),
    (np.convolve, lambda dy, w: np.correlate(dy, w, "full")),
    (correlate, lambda x, dy: correlate(x, np.rot90(dy, 2))),
]


def spread(dy: Any, F: int) -> Any:
    return np.kron(np.array(dy, float), np.ones((F, F))) / F**2


def to_the_winner(dy: Any, x: Any, F: int) -> Any:
    x, dx = np.array(x, float), np.zeros(np.shape(x))
    for i, j in np.ndindex(*np.shape(dy)):
        block = x[i * F : i * F + F, j * F : j * F + F]
        row, column = np.unravel_index(block.argmax(), block.shape)
        dx[i * F + row, j * F + column] = dy[i][j]
    return dx


LENET_BACK: Answers = [
    ("0 0 0 0 1 0 2 0 3 0 0 0 0 0 0 4", "0 0 0 0 4 0 6 0 8 0 0 0 0 0 0 5"),
    ("0.25 0.25 0.5 0.5", "1 1 2 2"),
    (str(14 * 14 * 6 * 5), str(14 * 14 * 6 * 4)),
    (spread, lambda dy, F: spread(dy, F) * F**2),
    (to_the_winner, lambda dy, x, F: spread(dy, F)),
]

ANSWERS: dict[str, Answers] = {
    "01-window": WINDOW,
    "02-convolution": CONVOLUTION,
    "03-two-dimensions": TWO_DIMENSIONS,
    "04-sharing": SHARING,
    "05-pooling": POOLING,
    "06-residuals": RESIDUALS,
    "07-three-formulas": FORMULAS,
    "08-lenet-back": LENET_BACK,
}
