"""What a training run is told: one dataclass for the command line, args.toml and Python."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from kitnet.base.error import KitnetError, RunError


@dataclass(frozen=True)
class Settings:
    """All that decides the result of a run. None means: as the model's card, or the usual value, says."""

    model: str = "lenet5"  # a name of the zoo, or a line of the language
    data: str = "digits"
    data_dir: str | None = None
    epochs: int | None = None
    batch: int | None = None
    lr: float | None = None
    momentum: float | None = None
    decay: float = 0.0
    loss: str | None = None
    seed: int = 0
    runs: str = "runs"
    name: str | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise KitnetError(f"--{name} {value} is not possible; use 1 or more")
        if not 0 <= self.seed < 2**63:
            raise KitnetError(f"--seed {self.seed} is not possible; use 0 or more, below 2**63")

    def to_toml(self) -> str:
        """The settings as text; what is None is left out, since TOML has no word for it."""
        return tomli_w.dumps({name: v for name, v in dataclasses.asdict(self).items() if v is not None})

    @classmethod
    def read(cls, path: Path) -> Settings:
        """The inverse. Raises RunError for a file that is missing or not such a text."""
        try:
            return cls(**tomllib.loads(path.read_text()))
        except OSError as error:
            raise RunError(
                f"{path}: cannot be read ({error.strerror}); give a run folder of kitnet"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
            raise RunError(f"{path}: not the arguments of a run ({error})") from None
