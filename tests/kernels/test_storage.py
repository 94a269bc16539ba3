"""Values stored as bfloat16: what is loaded is float32, what is stored is rounded, and sums are float32.

A kernel on stored values must give, bit for bit, what the same kernel gives on the widened values, rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from volumes import Slab, run

from kitnet.kernels import convolution, elementwise, norm, pool, sum_pool
from kitnet.kernels.activation import Activation
from kitnet.kernels.channels import convolution as few
from kitnet.kernels.channels.pack import pack
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.types import BF16, F32, Type

EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
WINDOW = Window((1, 3, 3), before=(0, 1, 1))
SIZES = (1, 4, 5)


def widened(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def rounded(numbers: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16 by searching between the two around each number; ties to even."""
    below = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    above = np.where(np.isfinite(numbers), below + 1, below).astype(np.uint16)
    exact = numbers.astype(float)
    far = [abs(widened(each).astype(float) - exact) for each in (below, above)]
    past = np.isinf(widened(above)) & np.isfinite(numbers)  # infinity stands for the next number there were
    far[1] = np.where(past, abs(np.copysign(2.0**128, exact) - exact), far[1])
    up = (far[1] < far[0]) | ((far[1] == far[0]) & (below % 2 == 1))
    return np.where(np.isnan(numbers), below | 0x40, np.where(up, above, below)).astype(np.uint16)


@EACH_LEVEL
def test_every_bfloat16_is_its_float32(cpu: Cpu) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    k = Kernel("widen", cpu, 1, x=BF16, y=F32)
    k.sweep(bits.size, lambda i, count: k.store(k.vector(k.pointers[0], i, count), k.pointers[1], i, count))
    got = np.empty(bits.size, np.float32)
    build([k])[0](x=bits, y=got)
    np.testing.assert_array_equal(got.view(np.uint32), bits.astype(np.uint32) << 16)


@EACH_LEVEL
def test_a_float32_is_stored_as_the_nearest_bfloat16(cpu: Cpu) -> None:
    random = np.random.default_rng(0)
    some = random.integers(0, 1 << 32, 10_000, np.uint32)
    ties = (random.integers(0, 1 << 16, 1000).astype(np.uint32) << 16) + 0x8000
    numbers = np.concatenate([some, ties, ties - 1, ties + 1]).view(np.float32)
    k = Kernel("narrow", cpu, 1, x=F32, y=BF16)
    x, y = k.pointers
    k.sweep(numbers.size - 1, lambda i, count: k.store(k.vector(x, i, count), y, i, count))
    k.store(k.scalar(x, numbers.size - 1), y, numbers.size - 1)
    got = np.empty(numbers.size, np.uint16)
    build([k])[0](x=numbers, y=got)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(got, rounded(numbers))


def activate(cpu: Cpu, batch: Batch, x: Volume, y: Volume) -> Kernel:
    return elementwise.activate("activate", cpu, batch, x, Activation("tanh"), y)


def add(cpu: Cpu, batch: Batch, x: Volume, y: Volume) -> Kernel:
    return elementwise.add("add", cpu, batch, [x, x], y)


def max_pool(cpu: Cpu, batch: Batch, x: Volume, y: Volume) -> Kernel:
    return pool.max_pool("max_pool", cpu, batch, WINDOW, x, y, switches=False)


def mean_pool(cpu: Cpu, batch: Batch, x: Volume, y: Volume) -> Kernel:
    return sum_pool.sum_pool("mean_pool", cpu, batch, WINDOW, x, y, kind="mean")


def normalise(cpu: Cpu, batch: Batch, x: Volume, y: Volume) -> Kernel:
    return norm.normalise("normalise", cpu, batch, x, y)


def convolve(cpu: Cpu, batch: Batch, x: Volume, y: Volume) -> Kernel:
    return convolution.forward("convolution", cpu, batch, x, y, WINDOW, activation=Activation("relu"))


@EACH_LEVEL
@pytest.mark.parametrize("write", [activate, add, max_pool, mean_pool, normalise, convolve])
def test_a_kernel_on_stored_values(cpu: Cpu, write: Callable[..., Kernel]) -> None:
    random, batch = np.random.default_rng(1), Batch(2, cpu.lanes)
    x = Volume(SIZES, 3, 3)
    y = replace(x, channels=3, pitch=4)
    codes = {
        type: build([write(cpu, batch, replace(x, type=type), replace(y, type=type))])[0]
        for type in (BF16, F32)
    }
    bits = rounded(random.standard_normal((2 * cpu.lanes, *SIZES, 3)).astype(np.float32))
    weights = {
        name: random.standard_normal(27 * 3 if name == "weight" else 3).astype(np.float32)
        for name in ("weight", "bias", "mean", "factor", "shift")
    }
    found: dict[Type, np.ndarray] = {}
    for type, code in codes.items():
        given = bits if type is BF16 else widened(bits)
        arguments = {name: weights[name] for name in code.arguments if name in weights}
        for name in code.arguments:
            if name.startswith("x"):
                arguments[name] = Slab(replace(x, type=type), batch, given.dtype).put(given)
        result = Slab(replace(y, type=type), batch, given.dtype)
        run(code, ("y",), **arguments, y=result)
        found[type] = result.get()
    np.testing.assert_array_equal(found[BF16], rounded(found[F32]))
    assert np.isfinite(found[F32]).all()


@EACH_LEVEL
def test_a_convolution_of_few_stored_images(cpu: Cpu) -> None:
    random, batch = np.random.default_rng(2), Batch(2, 1)
    x = Volume(SIZES, 3, 3, lanes="channels")
    y = Volume(SIZES, cpu.lanes, cpu.lanes, lanes="channels")
    packing = few.packing(cpu, batch, x, y, WINDOW)
    packed = np.empty(packing.size, np.float32)
    weight = random.standard_normal(27 * cpu.lanes).astype(np.float32)
    build([pack("pack", cpu, packing)])[0](weight=weight, packed=packed)
    bias = random.standard_normal(cpu.lanes).astype(np.float32)
    bits = rounded(random.standard_normal((2, *SIZES, 3)).astype(np.float32))
    found = []
    for type, given in ((BF16, bits), (F32, widened(bits))):
        kernel = few.forward("convolution", cpu, batch, replace(x, type=type), replace(y, type=type), WINDOW)
        result = Slab(replace(y, type=type), batch, given.dtype)
        source = Slab(replace(x, type=type), batch, given.dtype).put(given)
        run(build([kernel])[0], ("y",), x=source, packed=packed, bias=bias, y=result)
        found.append(result.get())
    np.testing.assert_array_equal(found[0], rounded(found[1]))


def test_stored_numbers_are_not_computed_with() -> None:
    k = Kernel("mixed", detect(), 1, x=BF16)
    (x,) = k.pointers
    stored = k.vector(x).to(BF16)
    with pytest.raises(TypeError) as caught:
        _ = stored + stored
    assert str(caught.value) == "bfloat16 is for storage; convert it with .to()"
