"""`--import FILE.py`: layers of one's own, for any command. Only the command line names such a file."""

from __future__ import annotations

import importlib.util
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from kitnet.base.error import KitnetError, cut

FLAG = "--import"
_imported: list[str] = []  # by this command


def import_layers(arguments: Sequence[str]) -> list[str]:
    """Run the files that `--import` names, and give the other arguments. Raises KitnetError."""
    others, words = [], iter(arguments)
    _imported.clear()
    for word in words:
        flag, equals, file = word.partition("=")
        if flag != FLAG:
            others.append(word)
            continue
        if not equals:
            file = next(words, "")
        if not file.endswith(".py"):
            raise KitnetError(
                f"{FLAG} {cut(file)}: expected a file with layers of your own, such as {FLAG} my_layers.py"
            )
        run_own(Path(file), f"{FLAG} ")
        _imported.append(file)
    return others


def to_type(*words: str) -> str:
    """A command that a person may type after this one, with the same files of layers."""
    return shlex.join(["kitnet", *words, *flags()])


def flags() -> list[str]:
    """What has this command's files of layers imported again, by another command or process."""
    return [word for file in dict.fromkeys(_imported) for word in (FLAG, file)]


def run_own(file: Path, flag: str = "") -> ModuleType:
    """A file of the user's own as a module of its name, so that a layer that is defined twice replaces
    itself. Raises KitnetError, which begins with the flag."""
    if not file.is_file():
        raise KitnetError(f"{flag}{file}: there is no such file")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None  # a name that ends in .py has both
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(file.stem)
    sys.modules[file.stem] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == spec.origin
        ]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
        where = f"{file}, line {line}" if line else str(file)
        reason = " ".join(str(error).split())
        raise KitnetError(f"{flag}{where}: {type(error).__name__}: {cut(reason)}") from None
    finally:
        if before is not None:
            sys.modules[file.stem] = before
    return module
