"""The measured ceiling: that the loop does the operations which are counted, and that they take time."""

import numpy as np
import pytest

from kitnet.kernels import ceiling
from kitnet.kernels.cpu import detect, levels
from kitnet.kernels.jit import build


@pytest.mark.parametrize("level", levels())
def test_no_multiply_add_is_left_out(level):
    cpu = detect(level)
    x, y = np.ones(2 * cpu.lanes, np.float32), np.zeros((2, cpu.lanes), np.float32)
    build([ceiling.fma_kernel(cpu, 2)])[0](x=x, y=y)
    chains = ceiling.chains(cpu)
    assert (y == sum(range(chains)) + chains * 20_000).all()


def test_wider_vectors_do_more():
    narrow = ceiling.measure(1, detect("baseline"), seconds=0.05)
    assert 0.5 < narrow < 500
    if "avx2" in levels():
        assert ceiling.measure(1, detect("avx2"), seconds=0.05) > 1.2 * narrow
