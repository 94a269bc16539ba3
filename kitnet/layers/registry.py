"""Every layer by its word, kitnet's own and a user's.

The file of one of kitnet's own is imported when its word is read: sixty files cost more time than all else
that `import kitnet` does, and a network has a few kinds of layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

from kitnet.base.importing import IMPORTING


class Registry(MutableMapping[str, type[Any]]):
    """Classes by word. `files` says `file.Class` of those that are imported when they are read; a class that
    is defined puts itself in."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.defined: dict[str, type[Any]] = {}  # so far

    def __getitem__(self, word: str) -> type[Any]:
        if word not in self.defined and word in self.files:
            with IMPORTING:
                import_module(f"kitnet.layers.{self.files[word].partition('.')[0]}")
        return self.defined[word]

    def __setitem__(self, word: str, kind: type[Any]) -> None:
        self.defined[word] = kind

    def __delitem__(self, word: str) -> None:
        if word in self.files:
            raise KeyError(f"{word} is a layer of kitnet's own")
        del self.defined[word]

    def __contains__(self, word: object) -> bool:
        return word in self.files or word in self.defined

    def __iter__(self) -> Iterator[str]:
        return iter({**self.files, **self.defined})

    def __len__(self) -> int:
        return len({**self.files, **self.defined})
