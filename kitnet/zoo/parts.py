"""What builders of networks write often: chains with lists laid open, names, repetitions, and convolutions
with what follows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kitnet.base.shape import Misfit, Pad, Shape, Sizes
from kitnet.layers import BatchNorm, Concatenate, Convolution, Relu
from kitnet.net import Chain, Join, Net, Residual, Side, Term
from kitnet.net.block import Part

Piece = Part | Term | Iterable[Any]  # a list of pieces is one after the other


def chain(*pieces: Piece) -> Chain:
    return Chain.of(*_flat(pieces))


def _flat(pieces: Iterable[Piece]) -> list[Term | Part]:
    found: list[Term | Part] = []
    for piece in pieces:
        found += _flat(piece) if isinstance(piece, Iterable) else [piece]
    return found


def network(shape: Shape, *pieces: Piece) -> Net:
    return Net.of(shape, chain(*pieces))


def named(name: str, *pieces: Piece, times: int = 1) -> Term:
    """A part with a name, `stage1:[...]*3`; a single layer or block has the name itself, `conv1:conv3-64`."""
    parts = _flat(pieces)
    (first, *others) = parts
    return Term(Chain.of(*parts) if others or isinstance(first, Term) else first, name, times)


def repeated(times: int, *pieces: Piece) -> list[Piece]:
    """`[...]*3`; once is the parts themselves, and 0 times is nothing."""
    return list(pieces) * times if times < 2 else [Term(chain(*pieces), times=times)]


def residual(*body: Piece, shortcut: Piece | None = None) -> Residual:
    return Residual(chain(*body), None if shortcut is None else chain(shortcut))


def concat(*branches: Piece) -> Join:
    return Join(Concatenate(), tuple(map(chain, branches)))


def side(output: str, *body: Piece) -> Side:
    """A head that gives an output of its own."""
    *before, last = _flat(body)
    assert not isinstance(last, Term)
    return Side(Chain.of(*before, Term(last, output=output)))


def conv(
    window: Sizes,
    filters: int,
    stride: int = 1,
    *,
    pad: Pad | None = None,
    groups: int = 1,
    bias: bool = True,
) -> Convolution:
    """Padded by half the window unless `pad` says otherwise, so that stride 1 keeps the sizes; what a larger
    stride does not divide is dropped."""
    if pad is None:
        pad = "same" if stride == 1 and window != 1 else _half(window) or "valid"
    misfit: Misfit = "floor" if stride > 1 else "error"
    return Convolution(window, filters, stride, pad, groups=groups, bias=bias, on_misfit=misfit)


def _half(window: Sizes) -> int:
    if not isinstance(window, int):
        raise TypeError("a window with a stride is square here")
    return window // 2


def normed(
    window: Sizes, filters: int, stride: int = 1, *, pad: Pad | None = None, groups: int = 1
) -> list[Piece]:
    """A convolution without bias and its norm."""
    return [conv(window, filters, stride, pad=pad, groups=groups, bias=False), BatchNorm()]


def rectified(
    window: Sizes,
    filters: int,
    stride: int = 1,
    *,
    pad: Pad | None = None,
    groups: int = 1,
    cap: float | None = None,
) -> list[Piece]:
    """A convolution without bias, its norm and ReLU, up to `cap`."""
    return [*normed(window, filters, stride, pad=pad, groups=groups), Relu(cap)]
