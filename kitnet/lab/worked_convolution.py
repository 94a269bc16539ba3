"""Worked examples of convolution: the numbers that teaching material prints, and what they are."""

from __future__ import annotations

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.lab.blackboard import Board, Example, Sliding, say
from kitnet.lab.im2col import matrix_of_windows
from kitnet.lab.loops import convolve_by_loops
from kitnet.layers import Context, Convolution

NOT_TURNED = (
    "In deep learning 'convolution' is the correlation: the filter is not turned. The true convolution "
    "turns it by 180 degrees; in kitnet: flip=yes."
)


def one_dimension(board: Board) -> Example:
    f, g = np.array([0, 1, 2, -1, 3]), np.array([1, 1, 0])
    board.write("Operands")
    board.array("f", f)
    board.array("g", g)
    board.write("Convolution: (f*g)[m] = sum over n of f[m - n] g[n], over all m where they meet (full)")
    full = Sliding(f, g, flip=True, pad="full")
    for m, value in enumerate(full.y):
        board.sum(f"full[{m}]", full.factors(m), value)
    board.write("The middle of full, as long as f, is same; where g lies wholly on f, it is valid")
    board.result("full", full.y)
    board.result("same", Sliding(f, g, flip=True, pad=((1, 1),)).y)
    valid = Sliding(f, g, flip=True)
    board.result("valid", valid.y)
    board.write("Correlation: c[m] = sum over n of f[m + n] g[n]")
    plain = Sliding(f, g)
    for m, value in enumerate(plain.y):
        board.sum(f"c[{m}]", plain.factors(m), value)
    board.result("correlation valid", plain.y)
    board.write(NOT_TURNED)
    return board.done()


def two_dimensions(board: Board) -> Example:
    a = np.array([[0, 0, 1, 2], [2, 2, 0, 0], [2, 1, 2, 2], [3, 0, 1, 1]])
    b = np.array([[0, 0, -1], [1, -1, 1], [-1, 1, 1]])
    board.write("Operands")
    board.array("A", a)
    board.array("B", b)
    board.array("B turned by 180 degrees", np.rot90(b, 2))
    board.write("Convolution: C[i, j] is the sum of a window of A times B turned, place by place")
    _printed_sum(board, "valid", Sliding(a, b, flip=True), (0, 0))
    for name, pad in (("full", "full"), ("same", ((1, 1), (1, 1)))):
        board.result(name, Sliding(a, b, flip=True, pad=pad).y)
    board.write("Correlation: the same with B as it is")
    _printed_sum(board, "correlation valid", Sliding(a, b), (0, 0))
    board.write(NOT_TURNED)
    return board.done()


def five_by_five(board: Board) -> Example:
    x = np.array([[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]])
    k = np.array([[0, 1, 2], [2, 2, 0], [0, 1, 2]])
    board.write("Operands")
    board.array("X", x)
    board.array("K", k)
    board.write("Correlation: a window of X times K, place by place")
    _printed_sum(board, "correlation", Sliding(x, k), (0, 0))
    board.write("True convolution: a window of X times K turned by 180 degrees")
    board.array("K turned", np.rot90(k, 2))
    _printed_sum(board, "convolution", Sliding(x, k, flip=True), (0, 0))
    board.write(
        "Note: the material defines convolution with a turned filter and prints the correlation "
        "under that name; both stand above.",
    )
    return board.done()


def _printed_sum(board: Board, name: str, made: Sliding, position: tuple[int, int]) -> None:
    i, j = position
    board.sum(f"{name}[{i}, {j}]", made.factors(i, j), made.y[i, j])
    board.result(name, made.y)


def sliding_dot_product(board: Board) -> Example:
    x, w = np.array([3, 1, 4, 1, 5, 9, 2]), np.array([1, 0, -1])
    board.write("Operands")
    board.array("x", x)
    board.array("w", w)
    board.write("y[m] is the dot product of w and the window of x that begins at m: 7 inputs, 5 outputs")
    made = Sliding(x, w)
    for m, value in enumerate(made.y):
        board.sum(f"y[{m}]", made.factors(m), value)
    board.result("y", made.y)
    return board.done()


def strides(board: Board) -> Example:
    x, w = np.array([1, 2, -1, 1, -3]), np.array([1, 0, -1])
    board.write("Operands: W = 5 inputs, F = 3 taps, P = 1 place of zeros on both sides, no bias")
    board.array("x", x)
    board.array("w", w)
    for stride in (1, 2, 3):
        board.write(f"Stride {stride}: (W - F + 2P) / S + 1 = (5 - 3 + 2) / {stride} + 1")
        try:
            made = Sliding(x, w, stride=stride, pad=1)
            positions = made.y
        except ShapeError as error:
            board.add(f"  refused: {error.reason}")
            continue
        for m, value in enumerate(positions):
            board.sum(f"y[{m}]", made.factors(m), value)
        board.result(f"y, stride {stride}", positions)
    board.write("Without padding, stride 1: (5 - 3) / 1 + 1 positions")
    board.result("y, no padding", Sliding(x, w).y)
    return board.done()


def numpy_indexing(board: Board) -> Example:
    random = np.random.default_rng(25)
    x, w0, w1 = (random.integers(-3, 4, shape) for shape in ((11, 11, 4), (5, 5, 4), (5, 5, 4)))
    b = np.array([1, -2])
    layer = Convolution(5, 2, stride=2)
    weights = {"weight": np.stack([w0, w1], -1).astype(float), "bias": b.astype(float)}
    v = layer.forward(weights, {}, Context(), x[None].astype(float)).y[0]
    board.write(
        "X is 11x11x4 (whole numbers, drawn from a fixed seed), W0 and W1 are 5x5x4, stride 2, no padding",
        f"(11 - 5) / 2 + 1 = {v.shape[0]} positions along each axis: V is {'x'.join(map(str, v.shape))}",
    )
    board.array("b", b)
    board.write("Every V[i, j, d] is np.sum(X[2i:2i+5, 2j:2j+5, :] * Wd) + bd")
    for i, j, d in (
        (0, 0, 0),
        (1, 0, 0),
        (2, 0, 0),
        (3, 0, 0),
        (0, 0, 1),
        (1, 0, 1),
        (2, 0, 1),
        (3, 0, 1),
        (2, 3, 1),
    ):
        rows, columns = f"{2 * i}:{2 * i + 5}", f"{2 * j}:{2 * j + 5}"
        board.add(f"  V[{i}, {j}, {d}] = np.sum(X[{rows}, {columns}, :] * W{d}) + b{d} = {say(v[i, j, d])}")
    board.write("V[2, 3, 1] in full: 5 rows of 5 products, for each of the 4 depth slices")
    window, total = x[4:9, 6:11, :], 0
    for depth in range(4):
        for row in range(5):
            pairs = [(int(p), int(q)) for p, q in zip(window[row, :, depth], w1[row, :, depth], strict=True)]
            part = sum(p * q for p, q in pairs)
            total += part
            board.sum(f"depth {depth}, row {4 + row}", pairs, part)
    board.add(f"  together {say(total)}, and with b1 = {say(b[1])}: {say(total + b[1])}")
    board.results |= {"V": v, "V[2, 3, 1]": np.array(total + b[1]), "X": x, "W0": w0, "W1": w1, "b": b}
    return board.done()


def dilations(board: Board) -> Example:
    x, w = np.array([1, 10, 100, 1000, 10000]), np.array([1, 2, 3])
    board.write("Operands")
    board.array("x", x)
    board.array("w", w)
    for dilation, name in ((1, "the ordinary filter"), (2, "one place between the taps")):
        board.write(f"Dilation {dilation}, {name}: w0 x0 + w1 x{dilation} + w2 x{2 * dilation}, and on")
        made = Sliding(x, w, dilation=dilation)
        for m, value in enumerate(made.y):
            board.sum(f"y[{m}]", made.factors(m), value)
        board.result(f"y, dilation {dilation}", made.y)
    board.write(
        "Note: the material counts the places between the taps and calls the ordinary filter "
        "dilation 0; kitnet, PyTorch, Keras and ONNX call it 1 (functional.dilation_of converts).",
    )
    return board.done()


def six_loops(board: Board) -> Example:
    x = np.arange(1, 19).reshape(3, 3, 2)
    w = np.array([[[[1, 0], [0, 1]], [[0, 1], [1, 0]]], [[[1, -1], [0, 0]], [[0, 0], [-1, 1]]]])
    layer = Convolution(2, 2, bias=False)
    board.write(
        "for i in range(output rows):              # where the window lies",
        "    for j in range(output columns):",
        "        for k in range(filters):",
        "            for r in range(window rows):  # what it sees there",
        "                for s in range(window columns):",
        "                    for c in range(maps):",
        "                        y[i, j, k] += x[i + r, j + s, c] * w[r, s, c, k]",
    )
    y = convolve_by_loops(x[None].astype(float), w.astype(float), layer.axes(x.shape))[0]
    board.write("x is 3x3x2, w is 2x2x2 for each of 2 filters; map by map and filter by filter")
    for c in range(2):
        board.array(f"x[:, :, {c}]", x[:, :, c])
    for c, k in np.ndindex(2, 2):
        board.array(f"w[:, :, {c}, {k}]", w[:, :, c, k])
    pairs = [(int(x[at]), int(w[(*at, 0)])) for at in np.ndindex(2, 2, 2)]
    board.write("One number: the three inner loops")
    board.sum("y[0, 0, 0]", pairs, y[0, 0, 0])
    board.write("All of them")
    for k in range(2):
        board.result(f"y[:, :, {k}]", y[:, :, k])
    board.write(
        "Note: the material's loops run over the whole image and read beyond its end; a window of K fits "
        "W - K + 1 times.",
    )
    return board.done()


def windows_as_rows(board: Board) -> Example:
    x, w = np.arange(1, 17).reshape(4, 4), np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    board.write("Operands: a 4x4 image and a 3x3 filter")
    board.array("x", x)
    board.array("w", w)
    layer = Convolution(3, 1, bias=False)
    rows = matrix_of_windows(x[None, ..., None], layer.axes((4, 4, 1)))
    board.write("im2col: each of the 2x2 windows is a row, the filter a column")
    board.result("rows", rows)
    board.array("filter", w.ravel())
    board.write("y = rows @ filter, and the 4 numbers are folded to 2x2")
    product = rows @ w.ravel()
    board.sum("y[0]", [(float(p), float(q)) for p, q in zip(rows[0], w.ravel(), strict=True)], product[0])
    board.result("y", product.reshape(2, 2))
    _memory(board)
    return board.done()


def _memory(board: Board) -> None:
    """What im2col costs in AlexNet's first layer."""
    shape, layer = (227, 227, 3), Convolution(11, 96, stride=4)
    axes = layer.axes(shape)
    image = np.zeros((1, *shape), np.int8)
    columns, taps = matrix_of_windows(image, axes).shape
    weights = layer.params(shape)["weight"].size
    output = layer.output_shape(shape)
    board.write(
        "The first layer of AlexNet: 227x227x3, 96 filters of 11x11x3, stride 4",
        f"  {columns} windows of {taps} numbers: {columns * taps:,} values, "
        f"{columns * taps / image.size:.1f} times the {image.size:,} of the input",
        f"  filters 96x{weights // 96}, output 96x{columns}, folded to {'x'.join(map(str, output))}",
    )
    board.results["AlexNet"] = np.array([taps, columns, columns * taps, image.size])


def spectra(board: Board) -> Example:
    f, g = np.array([0, 1, 2, -1, 3]), np.array([1, 1, 0])
    board.write("Operands")
    board.array("f", f)
    board.array("g", g)
    full = Sliding(f, g, flip=True, pad="full").y
    board.write("Convolution by the sum, over all m where they meet (full)")
    board.result("full", full)
    for places, name in ((len(f), "as long as f"), (len(f) + len(g) - 1, "padded to M + N - 1 places")):
        board.write(f"Product of the spectra on {places} places, {name}")
        product = np.fft.rfft(f, places) * np.fft.rfft(g, places)
        board.array("spectrum of f, real", np.fft.rfft(f, places).real)
        board.array("spectrum of f, imaginary", np.fft.rfft(f, places).imag)
        board.result(f"product on {places}", np.fft.irfft(product, places).round(12))
    board.write("On a ring of 5 places what lies beyond the end comes round to the front")
    for m in range(2):
        board.sum(f"ring[{m}]", [(full[m], 1), (full[m + len(f)], 1)], full[m] + full[m + len(f)])
    board.write(
        "Note: texts say that a product of spectra is the convolution. It is the circular one, and the true "
        "one where the signals are padded to M + N - 1 places."
    )
    return board.done()
