"""Keras' files, read by a process of its own: HDF5's library crashes on some damaged files, and on others
asks for all the memory there is.

    python -m kitnet.files.keras_process FILE OUT MEMORY SECONDS

writes the arrays to the safetensors file OUT, `0/kernel` for the first layer's, with the names of layers;
what is wrong with FILE is its only line, with exit status 2.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from kitnet.base.error import DataError, KitnetError
from kitnet.files import opened, write_tensors
from kitnet.files.keras_file import KerasLayer, read_here

MEMORY, TIMES = 2 << 30, 4  # bytes for Python and HDF5, and how often a file may lie in memory
SECONDS, RATE = 60, 1 << 24  # of the processor at least, and bytes a second
WRONG = 2


def read_keras(path: Path) -> list[KerasLayer]:
    """The layers that have arrays, those of one kind in the order of the model. Raises KitnetError."""
    if importlib.util.find_spec("h5py") is None:
        raise KitnetError("Keras' files are read by h5py; install it with: pip install 'kitnet[keras]'")
    size = path.stat().st_size
    limits = [str(MEMORY + TIMES * size), str(SECONDS + size // RATE)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "arrays.safetensors"
        command = [sys.executable, "-m", __name__, str(path.absolute()), str(out), *limits]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == WRONG:
            raise DataError(done.stdout.strip())
        if done.returncode:
            raise DataError("the file is damaged, so that HDF5 cannot read it; take a fresh copy")
        with opened(out) as file:
            names, arrays = json.loads(file.metadata["layers"]), file.read()
    layers = [KerasLayer(name, {}) for name in names]
    for place, array in arrays.items():
        number, _, word = place.partition("/")
        layers[int(number)].arrays[word] = array
    return layers


def _main(path: str, out: str, memory: str, seconds: str) -> int:
    _limit(int(memory), int(seconds))
    try:
        layers = read_here(Path(path))
    except KitnetError as error:
        print(error)
        return WRONG
    arrays = {
        f"{i}/{word}": np.asarray(array, np.float32)
        for i, layer in enumerate(layers)
        for word, array in layer.arrays.items()
    }
    write_tensors(Path(out), arrays, {"layers": json.dumps([layer.name for layer in layers])})
    return 0


def _limit(memory: int, seconds: int) -> None:
    """Where the system knows limits."""
    try:
        import resource
    except ImportError:
        return
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
    ):
        with contextlib.suppress(
            ValueError
        ):  # a narrower one holds already, or, of memory on macOS, none can
            resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
