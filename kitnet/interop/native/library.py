"""A trained model as a native library: an object file, its header, and an example in C."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kitnet import __version__
from kitnet.base.error import KitnetError, nearest
from kitnet.base.spec import Array
from kitnet.data import Preparation
from kitnet.files import write_whole
from kitnet.interop.native.sources import Facts, example, header
from kitnet.layers import RadialBasisPenalty
from kitnet.train import Model

if TYPE_CHECKING:
    from kitnet.kernels.cpu import Cpu

WRITTEN = "Written by kitnet"
THIS = "this"  # processor
FILES = OBJECT, HEADER, EXAMPLE = "net.o", "net.h", "example.c"


@dataclass(frozen=True)
class NativeLibrary:
    """The contents of the three files, and how many bytes the weights take that the network has."""

    object: bytes
    header: str
    example: str
    weights: int

    def write(self, folder: Path) -> None:
        """Into a folder, which is made where it is not there; each file is written whole. Raises
        KitnetError, also for files of the same names that kitnet did not write."""
        if folder.exists() and not folder.is_dir():
            raise KitnetError(f"{folder}: it is a file; give the name of a folder, such as --native lenet5")
        for name in FILES:
            _check_ours(folder / name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KitnetError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from None
        write_whole(folder / HEADER, self.header)
        write_whole(folder / EXAMPLE, self.example)
        write_whole(folder / OBJECT, self.object)


def native_library(model: Model, title: str, cpu: str = THIS, batch: int = 1) -> NativeLibrary:
    """The library of a trained model for so many images a call, for this processor or a level of processors
    such as "avx2". Raises KitnetError, with the layer, for what has no compiled code, for a level that this
    processor does not have, and for a model that judges several views."""
    from kitnet.engine import Scores  # which needs llvmlite
    from kitnet.engine.standalone import standalone
    from kitnet.interop.native.module import Pixels, native_object

    if model.views:
        raise KitnetError(
            f"the model judges several views of a picture ({model.views}), a native library one; train it "
            "with --views none"
        )
    if model.examples is None or not len(model.examples):
        raise KitnetError("the model knows no sample for the example; fit it, or load it from a file")
    processor, net, preparation = _processor(cpu), model.net, model.preparation
    plan = Scores(net, model.loss, batch, threads=1, cpu=processor)
    found = standalone(net, plan.plan.request, batch, processor)
    written = f"{WRITTEN} {__version__}"
    sample = model.examples[:1]
    prepared = preparation.prepare(sample)
    scores = plan(np.repeat(prepared, batch, 0))[0]
    size, pixels = None, None
    if isinstance(preparation, Preparation):
        size, channels = preparation.resize, preparation.input[2]
        pixels = Pixels(size, preparation.input[:2], _tables(preparation))
        whole = replace(preparation, input=(*size, channels)).placed(sample)
        prepared = np.broadcast_to(whole, (1, *size, channels))
    facts = Facts(
        written=written,
        cpu=_told(cpu, processor),
        title=title,
        network=str(net),
        loss=model.loss.word,
        batch=batch,
        input=net.input_shape,
        outputs=math.prod(scores.shape),
        memory=found.memory,
        alignment=found.alignment,
        mean=preparation.mean,
        deviation=preparation.std,
        size=size,
    )
    smallest = isinstance(model.loss, RadialBasisPenalty)
    return NativeLibrary(
        native_object(found, pixels, written),
        header(facts),
        example(written, prepared[0], scores, model.classes, smallest),
        net.weights.flat.nbytes,
    )


def _check_ours(path: Path) -> None:
    try:
        ours = not path.exists() or (path.is_file() and WRITTEN.encode() in path.read_bytes())
    except OSError as error:
        raise KitnetError(f"{path}: cannot be read ({error.strerror}); give another folder") from None
    if not ours:
        raise KitnetError(f"{path}: kitnet did not write it; give another folder, or remove it")


def _processor(cpu: str) -> Cpu:
    from kitnet.kernels.cpu import detect, levels, plain

    possible = (THIS, *levels())
    if cpu not in possible:
        raise KitnetError(
            f"--cpu {cpu}: the weights are prepared on this processor, which can be {', '.join(possible)}"
            f"{nearest(cpu, possible)}"
        )
    return detect() if cpu == THIS else plain(cpu)


def _tables(preparation: Preparation) -> Array:
    """What each level of a pixel becomes, float32 (channels, 256)."""
    channels = preparation.input[2]
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 256, 1)
    shown = replace(preparation, input=(1, 256, channels))
    return np.moveaxis(shown.standardise(levels)[0, 0], -1, 0)


def _told(cpu: str, processor: Cpu) -> str:
    """For whom the code is."""
    name = f"{processor.architecture} processors with all that {processor.level} has"
    return f"{name} and this one besides ({processor.name})" if cpu == THIS else name
