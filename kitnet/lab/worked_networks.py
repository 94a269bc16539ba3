"""Worked examples of back-propagation, of pools, and of filters behind each other."""

from __future__ import annotations

from itertools import product

import numpy as np

from kitnet.base.spec import Array
from kitnet.lab.blackboard import Board, Example, factor, say
from kitnet.layers import Context, MeanPool, Quadratic
from kitnet.layers.contract import Kept
from kitnet.net import Tape, Weights, parse, with_loss


def back_propagation(board: Board) -> Example:
    """3 hidden and 2 output units with sigmoids, and the quadratic loss."""
    graph = with_loss(parse("2 -> fc3 -> sigmoid -> fc2 -> sigmoid").graph, Quadratic(), "values")
    weights = Weights(graph.params(), np.float64)
    weights["fc1.weight"][...] = [[0.5, -1, 2], [1, 0.5, -0.5]]
    weights["fc1.bias"][...] = [0.1, -0.2, 0]
    weights["fc2.weight"][...] = [[1, -0.5], [-1, 2], [0.5, 1]]
    weights["fc2.bias"][...] = [0.2, -0.1]
    x, y = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]])
    tape = Tape(graph, weights, {}, Context(), {"input": x, "target": y})
    found = tape.backward(np.ones(1))
    _symbols(board)
    board.write("Operands")
    board.array("x", x[0])
    board.array("y", y[0])
    for name, path in (("v", "fc1.weight"), ("b", "fc1.bias"), ("u", "fc2.weight"), ("c", "fc2.bias")):
        board.array(name, weights[path])
    board.write("Forward")
    _forward(
        board, x[0], weights["fc1.weight"], weights["fc1.bias"], tape["fc1"][0], tape["sigmoid1"][0], "zh"
    )
    _forward(
        board,
        tape["sigmoid1"][0],
        weights["fc2.weight"],
        weights["fc2.bias"],
        tape["fc2"][0],
        tape["sigmoid2"][0],
        "sa",
    )
    a, h = tape["sigmoid2"][0], tape["sigmoid1"][0]
    halves = " + ".join(f"({say(a[k])} - {say(y[0, k])})^2" for k in range(2))
    board.add(f"  C = ({halves}) / 2 = {say(tape.output.item())}")
    board.write("Back, from the output on")
    for k in range(2):
        text = f"({say(a[k])} - {say(y[0, k])})*{say(a[k])}*(1 - {say(a[k])})"
        board.add(f"  d{k + 1} = {text} = {say(found['fc2'][0, k])}")
    for j in range(3):
        into = " + ".join(
            f"{factor(found['fc2'][0, k])}*{factor(weights['fc2.weight'][j, k])}" for k in range(2)
        )
        text = f"({into})*{say(h[j])}*(1 - {say(h[j])})"
        board.add(f"  e{j + 1} = {text} = {say(found['fc1'][0, j])}")
    _gradients(board, h, found["fc2"][0], found["fc2.weight"], "u", "h", "d")
    _gradients(board, x[0], found["fc1"][0], found["fc1.weight"], "v", "x", "e")
    board.write("The biases have dC/dck = dk and dC/dbj = ej.")
    board.results |= {"C": tape.output, **{name: found[name] for name in found if "fc" in name}}
    board.write(
        "Note: the material writes (a1 - y) and (a2 - y); each output has a y of its own. It writes "
        "z_j with b_k, where b_j stands; and delta^l = delta^(l+1) W f' for the columns of Z = W A + B, "
        "where W^T delta^(l+1) is meant, times f' place by place.",
    )
    return board.done()


def _symbols(board: Board) -> None:
    board.write(
        "2 inputs x, 3 hidden units h, 2 outputs a, sigmoids f with f' = f (1 - f), quadratic loss",
        "  zj = sum over i of xi vij + bj,  hj = f(zj)",
        "  sk = sum over j of hj ujk + ck,  ak = f(sk)",
        "  C = 1/2 sum over k of (ak - yk)^2",
        "  dk = dC/dsk = (ak - yk) ak (1 - ak)",
        "  ej = dC/dzj = (d1 uj1 + d2 uj2) hj (1 - hj)",
        "  dC/dujk = hj dk,  dC/dck = dk,  dC/dvij = xi ej,  dC/dbj = ej",
    )


def _forward(board: Board, x: Array, w: Array, b: Array, z: Array, a: Array, names: str) -> None:
    """One layer: its sums, and what the sigmoid makes of them."""
    for j in range(len(z)):
        board.sum(f"{names[0]}{j + 1}", list(zip(x, w[:, j], strict=True)), z[j], factor(b[j]))
    made = ", ".join(f"{names[1]}{j + 1} = {say(value)}" for j, value in enumerate(a))
    board.add(f"  {made}")


def _gradients(board: Board, x: Array, d: Array, dw: Array, w: str, left: str, right: str) -> None:
    board.write(f"dC/d{w} = {left} times {right}")
    for i, j in product(range(len(x)), range(len(d))):
        board.sum(f"dC/d{w}{i + 1}{j + 1}", [(x[i], d[j])], dw[i, j])


def stacked_filters(board: Board) -> Example:
    board.write("Filters without bias, C maps everywhere; here C = 8")
    rows = []
    for small, count, large in ((3, 2, 5), (3, 3, 7)):
        line = f"15x15x8 -> [conv{small}-8 same bias=no]*{count}"
        stack = parse(line).ledger()
        single = parse(f"15x15x8 -> conv{large}-8 same bias=no").ledger()
        fields = [stack.rows[-1].receptive_field[0], single.rows[-1].receptive_field[0]]
        weights = [stack.totals["parameters"], single.totals["parameters"]]
        for name, field, weight in zip(
            (f"{count} times {small}x{small}", f"once {large}x{large}"), fields, weights, strict=True
        ):
            board.add(f"  {name}: receptive field {field}x{field}, {weight // 64} C^2 = {weight:,} weights")
        rows += [(*fields, *(number // 64 for number in weights))]
    board.results["fields and weights per C^2"] = np.array(rows)
    board.write(
        "Note: the two see the same places but are not the same function: between small filters there "
        "are further non-linearities, and not every 5x5 filter is a product of two 3x3.",
    )
    return board.done()


def mean_pool_back(board: Board) -> Example:
    delta = np.array([[1.0, 2], [3, 4]])
    layer = MeanPool(2)
    back = layer.backward({}, Kept(((1, 4, 4, 1),)), delta[None, ..., None])
    assert back.dx[0] is not None
    board.write("A 2x2 mean pool on 4x4: the gradient delta of its output goes back in equal shares")
    board.array("delta", delta)
    share = np.full((2, 2), 0.25)
    board.array("share", share)
    board.write("up(delta), the Kronecker product of delta and share: each number becomes a block")
    board.result("dx", back.dx[0][0, ..., 0])
    board.sum("dx[0, 0]", [(delta[0, 0], 0.25)], back.dx[0][0, 0, 0, 0])
    board.write("Behind an activation f with weight beta: delta of the layer below = beta f' * up(delta)")
    return board.done()
