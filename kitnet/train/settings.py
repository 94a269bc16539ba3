"""What a training run is told: one dataclass for the command line, args.toml and Python."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import tomli_w

from kitnet.base.argument import batch_size, thread_count, whole
from kitnet.base.error import KitnetError, RunError, cut, nearest, shorten
from kitnet.net.network import check_init, check_misfit
from kitnet.train.ranks import SYNCS

SAVE_EVERY = 10.0  # minutes
LARGEST = 1 << 16  # bytes of args.toml
# A name of thousands of parts takes tomllib seconds and gigabytes. Texts and comments may have dots.
_TEXTS = re.compile(r""""(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|#[^\n]*""")
_DOTTED = re.compile(r"""\.[\w\-'" \t]*\.""")
# What decides the bits of a run besides its network, its data and the number of epochs.
DECISIVE = (
    *("augment", "batch", "accumulate", "optimizer", "schedule", "lr", "momentum", "decay", "clip"),
    *("average", "freeze", "target", "loss", "groups", "whiten", "seed", "engine", "precision"),
)
_KINDS = {int: "a whole number", float: "a number", str: "a text in quotes", bool: "true or false"}


@dataclass(frozen=True)
class Settings:
    """All that decides the result of a run. None means: as the model's card, or the usual value, says."""

    model: str = "lenet5"  # a name of the zoo, or of a recipe such as lenet5.mnist, or a line of the language
    data: str | None = None  # that of the recipe; otherwise digits
    data_dir: str | None = None
    split: float | None = None  # share of the images to test with, of folders that have no test part
    validation: float | None = None  # share of the training images to choose by; 0: the last epoch is taken
    strict: bool | None = None  # whether a broken image ends the run; otherwise it is left out
    megapixels: float | None = None  # million pixels that a picture may have; 40
    augment: str | None = None  # such as flip,crop4 (see data/augmentation.py), or none
    epochs: int | None = None
    batch: int | None = None
    accumulate: int | None = None  # batches an update; 1
    optimizer: str | None = None  # such as "adam beta1=0.95"
    schedule: str | None = None  # of the learning rate, such as "cosine warmup=5"
    lr: float | None = None
    momentum: float | None = None
    decay: float | None = None
    clip: float | None = None  # the greatest length of the gradient
    average: float | None = None  # the share of the old mean that averaged weights keep in a step
    weights: str | None = None  # a model file or a run, whose weights a new run begins with where they fit
    freeze: str | None = None  # paths with commas, whose parameters stay
    patience: int | None = None  # epochs without a better one, after which training ends
    save_every: float | None = None  # minutes, also within an epoch; 10
    target: str | None = None  # what the network is to give: classes or its input; as its form says
    loss: str | None = None
    groups: str | None = None  # rules of parameters by patterns of their paths (see optim/groups.py), or none
    whiten: str | None = None  # the path of a convolution whose filters whiten patches of the training data
    views: str | None = None  # of a picture that are judged together, such as flip,shift1, or none
    init: str | None = None  # of the weights of layers that do not say their own
    on_misfit: str | None = None  # of layers of a line that do not say their own
    seed: int = 0
    runs: str = "runs"
    name: str | None = None
    tensorboard: bool | None = None  # whether event files are written, too
    engine: str | None = None  # compiled or formula; compiled where llvmlite is there
    precision: str | None = None  # of values and products: fp32, bf16, bf16x3 or bf16x6, or auto; fp32
    threads: int | None = None  # of the compiled engine, changing no bit; all usable cores
    sync: str | None = None  # of several ranks: exact, or fast, whose bits depend on their number
    input: str | None = None  # another input volume of a network of the zoo, such as 64x64x3

    def __post_init__(self) -> None:
        if self.epochs is not None:
            whole("--epochs", self.epochs, 1)
        if self.batch is not None:
            batch_size(self.batch, "--batch")
        if self.accumulate is not None:
            whole("--accumulate", self.accumulate, 1)
        if self.patience is not None:
            whole("--patience", self.patience, 1)
        if self.save_every is not None and not self.save_every >= 0:
            raise KitnetError(
                f"--save-every {self.save_every:g} is not possible; use a number of minutes, 0 or more"
            )
        thread_count(self.threads, "--threads")
        if self.sync is not None and self.sync not in SYNCS:
            known = " or ".join(SYNCS)
            raise KitnetError(f"--sync {shorten(self.sync)}{nearest(self.sync, SYNCS)}; it is {known}")
        check_misfit(self.on_misfit)
        check_init(self.init)
        if not 0 <= self.seed < 2**63:
            raise KitnetError(f"--seed {shorten(self.seed)} is not possible; use 0 or more, below 2**63")
        for name, value in vars(self).items():
            if isinstance(value, str) and value.encode(errors="replace").decode() != value:
                raise KitnetError(
                    f"--{name.replace('_', '-')} {shorten(value)} is not UTF-8, as args.toml must be"
                )

    @property
    def seconds_between_saves(self) -> float:
        return 60 * (SAVE_EVERY if self.save_every is None else self.save_every)

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings by which a run goes on with the same bits."""
        return {name: getattr(self, name) for name in DECISIVE}

    @property
    def frozen(self) -> tuple[str, ...]:
        """The paths whose parameters stay."""
        return tuple(self.freeze.split(",")) if self.freeze else ()

    def to_toml(self) -> str:
        """The settings as text, without what is None, since TOML has no word for it. Raises RunError for a
        text that `read` would refuse.
        """
        text = tomli_w.dumps({name: v for name, v in dataclasses.asdict(self).items() if v is not None})
        if len(text.encode()) > LARGEST:
            raise RunError(
                f"the arguments of a run are at most {LARGEST} bytes of text; write a shorter network"
            )
        return text

    @classmethod
    def read(cls, path: Path) -> Settings:
        """The inverse. Raises RunError for a file that is missing or not such a text."""
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise RunError(
                f"{path}: cannot be read ({error.strerror}); give a run folder of kitnet"
            ) from None
        try:
            given = _parse(content)
        except ValueError as error:
            raise RunError(f"{path}: not the arguments of a run ({cut(str(error))})") from None
        kinds = get_type_hints(cls)
        for name in given:
            if name not in kinds:
                raise RunError(f"{path}: unknown argument {shorten(name)}{nearest(name, kinds)}")
        try:
            for name, value in given.items():
                check_kind(name, value)
            return cls(**given)
        except KitnetError as error:
            raise RunError(f"{path}: {error}") from None


def check_kind(name: str, value: object) -> Any:
    """The value of the setting of this name, where numbers may be NumPy's. Raises KitnetError for one of
    another type."""
    kind = get_type_hints(Settings)[name]
    kind = next(iter(get_args(kind)), kind)
    own = value.item() if isinstance(value, np.generic) else value
    if type(own) is not kind and (kind, type(own)) != (float, int):
        raise KitnetError(f"{name} is {shorten(value)}; expected {_KINDS[kind]}")
    return own


def _parse(content: bytes) -> dict[str, Any]:
    """The TOML of a file's first `LARGEST` + 1 bytes. Raises ValueError with the reason why it is none."""
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST} bytes")
    text = content.decode()
    if _DOTTED.search(_TEXTS.sub("''", text)):
        raise ValueError("a name with dots")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise ValueError("a number of thousands of digits") from None
    except RecursionError:
        raise ValueError("brackets within brackets") from None
