"""The contract of a layer: a frozen description without arrays, with its formulas as pure functions.

A layer says its shape rule, its parameters, `forward` and `backward`. No function changes its arguments, the
dtype that comes in goes out, and `backward` sees only what the layer declared in `keeps` and `extras`, so a
declaration cannot lie. The batch is the first axis of every array; shapes are written without it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kitnet.base.argument import count
from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.random import sample_bits
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array, Buffer, Param
from kitnet.layers.registry import Registry
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.tracing import found_terms
from kitnet.layers.value import settle
from kitnet.layers.words import FILES, LOSS_FILES

FARTHEST = 2**40  # first sample: its random bits are counted in 64 bits
Arrays = Mapping[str, Array]
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Context:
    """What a formula may depend on besides its operands: the mode, and where its random bits come from."""

    train: bool = False
    seed: int = 0
    step: int = 0
    first_sample: int = 0  # place of this batch's first sample in the whole batch of the step
    path: str = ""
    draws: bool = False  # in evaluation: whether a model's own distributions are drawn from all the same

    def __post_init__(self) -> None:
        """Raises KitnetError for a seed, step or first sample that is none."""
        object.__setattr__(self, "seed", count("seed", self.seed))
        object.__setattr__(self, "step", count("step", self.step))
        object.__setattr__(self, "first_sample", count("first", self.first_sample, FARTHEST))

    def bits(self, samples: int, each: int) -> NDArray[np.uint64]:
        """(samples, each) random words that do not depend on how the batch is cut into shards."""
        return sample_bits(self.seed, self.path, self.step, self.first_sample, samples, each)


@dataclass(frozen=True)
class Forward:
    """What forward returns: the output, what backward needs besides x and y, and the new state."""

    y: Array
    extras: Arrays = field(default_factory=dict)
    state: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """What backward may read: the operands and the output that `keeps` declares, the extras, and the shape of
    every operand with its batch.

    `wants` says for each operand whether its gradient is read; backward may give None where it is not.
    """

    shapes: tuple[Shape, ...]
    x: tuple[Array, ...] = ()
    y: Array = field(default_factory=lambda: np.empty(0))
    extras: Arrays = field(default_factory=dict)
    wants: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Backward:
    """What backward returns: a gradient for each operand, in order, and one for each parameter.

    None for an operand says that y does not move with it, so that it has no gradient.
    """

    dx: tuple[Array | None, ...]
    dw: Arrays = field(default_factory=dict)


Draw = Callable[["np.random.Generator", tuple[Shape, ...]], tuple[Array, ...]]


@dataclass(frozen=True)
class Case:
    """A small hard example: a layer and the shapes of its operands, without batch.

    `draw` makes the operands (shapes with batch) where normal numbers would not do.
    """

    layer: Layer
    shapes: tuple[Shape, ...]
    batch: int = 2
    draw: Draw | None = None


LAYERS = Registry({**FILES, **LOSS_FILES})  # every layer by its word
WORD = re.compile("[a-z]+(_[a-z]+)*")


def _name(layer: type[Layer]) -> str:
    return f"{layer.__module__}.{layer.__qualname__}"


class Layer(ABC):
    """A leaf of a network. Concrete layers are frozen dataclasses and final.

    Defining a class with a `word` registers it. A class defined again under the same module and name replaces
    the first; raises KitnetError where the word is no word, or another class has it.
    """

    word: ClassVar[str]  # its name in the language
    numbers: ClassVar[tuple[str, ...]] = ()  # fields written behind the word: conv5-6 is window and filters
    keeps: ClassVar[frozenset[str]] = frozenset({"x"})  # which of x and y backward reads
    # Parameters that the operand is multiplied by in sums: y is linear in each. A precision may split both.
    products: ClassVar[frozenset[str]] = frozenset()
    exact: ClassVar[bool] = False  # reads its operands as they are, whatever the precision of values
    joins: ClassVar[bool] = False  # takes two operands or more; the language writes it word[a | b]

    def __init_subclass__(cls) -> None:
        if "word" not in vars(cls):
            return  # an abstract family such as Loss
        for base in cls.__mro__[1:]:
            if "word" in vars(base):
                raise TypeError(
                    f"{cls.__name__}: layers are final; write a new one instead of extending {base.__name__}"
                )
        if not WORD.fullmatch(cls.word):
            raise KitnetError(
                f"{cls.__name__}: the word of a layer is lower-case letters only, since numbers follow it in "
                f"the language, not {cls.word!r}; choose another, such as 'leakyrelu'"
            )
        other = LAYERS.get(cls.word, cls)
        # A class of the same name is this one defined again, as when a notebook's cell is run twice.
        if _name(other) != _name(cls):
            raise KitnetError(
                f"{cls.__name__}: the word {cls.word!r} belongs to {_name(other)}; choose another word"
            )
        LAYERS[cls.word] = cls

    def __post_init__(self) -> None:
        """Fields become what reads back from the language, so that a layer is equal to itself after printing.

        Raises KitnetError for a field of another kind. A layer with a `__post_init__` of its own calls this.
        """
        settle(self)

    @abstractmethod
    def output_shape(self, *x: Shape) -> Shape:
        """The output's shape. Raises ShapeError with a bare reason; the graph adds the place."""

    def params(self, *x: Shape) -> Mapping[str, Param]:
        """The learned arrays by name."""
        return NOTHING

    def frozen(self) -> Layer:
        """The layer as training takes it where its parameters stay; of one with state, which stays too."""
        return self

    def state(self, *x: Shape) -> Mapping[str, Buffer]:
        """The arrays that are carried from step to step but not learned."""
        return NOTHING

    def extras(self, *x: Shape) -> Mapping[str, Buffer]:
        """What forward saves for backward besides x and y."""
        return NOTHING

    @abstractmethod
    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        """The formula."""

    @abstractmethod
    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        """The gradients of a sum over dy * y."""

    def kept(self, x: tuple[Array, ...], made: Forward, wants: tuple[bool, ...] = ()) -> Kept:
        """What the declarations let backward read of a run of forward, and nothing else."""
        declared = self.extras(*(one.shape[1:] for one in x))
        return Kept(
            tuple(one.shape for one in x),
            x if "x" in self.keeps else (),
            made.y if "y" in self.keeps else np.empty(0),
            {name: array for name, array in made.extras.items() if name in declared},
            wants or (True,) * len(x),
        )

    def terms(self, run: Pass, at: At) -> Terms:
        """What makes the number at this place of a pass, a number of `y`, `dx0`, ... or `dweight`, ...

        The default finds them by asking the formulas. A layer that writes its own names the parameters in
        them, and is quicker. `Pass.terms` checks the place first.
        """
        return found_terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        """y once more, written independently of `forward` (loops over the definition, another library).

        `check_layer` asks for it and compares the two.
        """
        raise NotImplementedError

    def mixes_samples(self, train: bool) -> bool:
        """Whether y of one sample depends on the other samples of the batch.

        An executor may compute a batch in groups of samples unless this is True.
        """
        return False

    def least_batch(self, *x: Shape) -> int:
        """The fewest samples of a batch that training makes sense with."""
        return 1

    def connections(self, *x: Shape) -> int:
        """Links of one sample, biases among them, as LeCun et al. 1998 count: inputs of a unit + 1, over all
        units."""
        return 0

    def multiply_adds(self, *x: Shape) -> int:
        """Products with learned weights in sums, of one sample: what papers and libraries count, of
        convolutions, linear layers and templates."""
        return 0

    def multiplications(self, *x: Shape) -> int:
        """Of one sample and of every kind, those of norms and pools among them."""
        return self.multiply_adds(*x)

    @classmethod
    @abstractmethod
    def cases(cls) -> Iterator[Case]:
        """Small hard examples, used by every conformance test."""


class Loss(Layer):
    """A layer of two operands, the network's scores and a target, whose y is one number a sample.

    A loss defines `forward`, `backward`, `definition` and `cases` as every layer does, `probabilities` where
    its targets may be classes, and `target_shape` where a target has another shape than the scores. Its
    formulas get the target as numbers of that shape, in the precision of the scores. `backward` may give None
    for the target, whose gradient training does not read.
    """

    exact = True
    absorbs: ClassVar[str] = ""  # the word of a last layer that this loss contains, as one stable formula
    suits: ClassVar[frozenset[str]] = frozenset()  # the last layers for which this loss is the usual one
    # What a target may be given as, the usual kind first. "classes": class numbers (N, *positions), spread to
    # 1 and 0 along the last axis of the scores. "values": numbers (N, *target_shape(scores)).
    targets: ClassVar[tuple[str, ...]] = ("classes", "values")

    def target_shape(self, scores: Shape) -> Shape:
        """The shape of the target that goes with such scores."""
        return scores

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) != 2:
            raise ShapeError(f"{self.word} reads two operands, scores and a target, but got {len(x)}")
        scores, target = x
        if target != self.target_shape(scores):
            raise ShapeError(
                f"{self.word} on scores of {say(scores)} needs a target of {say(self.target_shape(scores))}, "
                f"but got {say(target)}"
            )
        return ()

    def probabilities(self, scores: Array) -> Array:
        """What scores trained with this loss say of each class, along the last axis.

        A loss whose targets may be "classes" defines it. Raises KitnetError for any other.
        """
        raise KitnetError(f"scores trained with {self.word} are no probabilities of classes; read the scores")
