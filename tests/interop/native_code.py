"""Object files linked and called: what a C program would do with them."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kitnet.base.memory import aligned
from kitnet.engine import Scores
from kitnet.engine.request import scoring
from kitnet.engine.standalone import standalone
from kitnet.interop.native.module import native_object
from kitnet.net import usual_loss

_numbers = itertools.count()  # a name is loaded once in a process


def compiler():
    program = shutil.which("cc")
    if program is None:
        pytest.skip("no C compiler is there: apt-get install gcc")
    return program


class Linked:
    """A shared library of one object file."""

    def __init__(self, code: bytes, folder: Path) -> None:
        name = folder / f"net{next(_numbers)}"
        name.with_suffix(".o").write_bytes(code)
        command = [compiler(), "-shared", "-Wl,-z,defs", "-Wl,-z,text", "-Wl,--fatal-warnings"]
        subprocess.run([*command, name.with_suffix(".o"), "-o", name.with_suffix(".so"), "-lm"], check=True)
        self._library = ctypes.CDLL(str(name.with_suffix(".so")))

    def run(self, x, outputs, memory):
        """The scores of a batch (N, outputs), from memory full of NaN; nothing beside them is written."""
        x = np.ascontiguousarray(x, np.float32)
        count, beside = len(x) * outputs, 32
        scores, room = np.full(count + beside, 7, np.float32), aligned(memory + beside)
        room[:] = 255
        addresses = (array.ctypes.data for array in (x, scores, room))
        self._library.net_run(*map(ctypes.c_void_p, addresses))
        assert (scores[count:] == 7).all() and (room[memory:] == 255).all()
        return scores[:count].reshape(len(x), outputs)

    def prepare(self, picture, numbers):
        image = np.full(numbers + 8, 7, np.float32)
        picture = np.ascontiguousarray(picture)
        self._library.net_prepare(ctypes.c_void_p(picture.ctypes.data), ctypes.c_void_p(image.ctypes.data))
        assert (image[numbers:] == 7).all()
        return image[:numbers]


def bits(scores):
    return np.ascontiguousarray(scores, np.float32).view(np.uint32)


def randomised(net):
    """The network with biases, and with statistics of norms that are not 0 and 1."""
    random = np.random.default_rng(2)
    arrays = [array for path, array in net.weights.items() if not path.endswith("weight")]
    for array in [*arrays, *(array for state in net.state.values() for array in state.values())]:
        array[...] = random.uniform(0.5, 1.5, array.shape)
    return net


def check_network(net, batch, cpu, folder, factor=1.0):
    """A native library of a network gives the plan's scores, bit by bit; the object file."""
    loss = usual_loss(net.graph)
    found = standalone(net, scoring(net.graph, loss), batch, cpu)
    code = native_object(found, None, "test")
    images = np.random.default_rng(3).standard_normal((batch, *net.input_shape)) * factor
    images = images.astype(np.float32)
    expected = Scores(net, loss, batch, threads=1, cpu=cpu)(images)
    scores = Linked(code, folder).run(images, expected.shape[1], found.memory)
    np.testing.assert_array_equal(bits(scores), bits(expected))
    return code
