"""A CSV file with a line a picture: its path, its class, and perhaps the part that it belongs to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from kitnet.base.error import DataError, cut, shorten
from kitnet.data.image_files import Labelled, parts
from kitnet.data.image_folder import PARTS
from kitnet.data.kind import Given, Kind, Parts
from kitnet.data.place import place

COLUMNS = {
    "path": ("path", "file", "filename", "image", "image_path"),
    "label": ("label", "class", "category", "target"),
    "part": ("part", "split", "set", "subset"),
}  # what a column may be called, in small letters
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}  # of columns


def read(name: str, given: Given) -> Parts:
    """The parts of a CSV file whose first line names its columns; paths are relative to its folder.

    Raises DataError for a file that is none, for a missing column, and for a part that is unknown.
    """
    path = Path(name)
    files: dict[str, list[Labelled]] = {part: [] for part in PARTS}
    with place(name):
        try:
            with path.open(encoding="utf-8-sig", newline="") as opened:
                delimiter = "\t" if path.suffix == ".tsv" else ","
                lines = csv.reader(opened, delimiter=delimiter)
                columns = _columns(next(lines, []), delimiter)
                for fields in lines:
                    if fields:
                        file, part = _labelled(path.parent, columns, fields, lines.line_num)
                        files[part].append(file)
        except UnicodeDecodeError:
            raise DataError("it is not UTF-8; save it as UTF-8") from None
        except csv.Error as error:
            raise DataError(f"line {lines.line_num}: {error}") from None
    return parts(name, files, given, f", named in a column {COLUMNS['part'][0]!r}")


def _columns(names: Sequence[str], delimiter: str) -> dict[str, int]:
    """Where the columns are, by the names of the first line, which a delimiter separates."""
    other = next((each for each in SEPARATORS if each in names[0]), None) if len(names) == 1 else None
    if other is not None:
        raise DataError(
            f"its first line is {shorten(names[0])}: {SEPARATORS[other]} between its columns, expected "
            f"{SEPARATORS[delimiter]}; save it with these"
        )
    plain = [name.strip().lower() for name in names]
    found = {}
    for column, known in COLUMNS.items():
        place_of = next((plain.index(name) for name in known if name in plain), None)
        if place_of is not None:
            found[column] = place_of
        elif column != "part":
            raise DataError(
                f"its first line has no column {' or '.join(known)}; "
                f"it names {cut(', '.join(names)) or 'none'}"
            )
    return found


def _labelled(
    folder: Path, columns: dict[str, int], fields: Sequence[str], line: int
) -> tuple[Labelled, str]:
    """The picture of a line, and the part that it belongs to."""
    if len(fields) <= max(columns.values()):
        raise DataError(f"line {line}: {len(fields)} fields; expected at least {max(columns.values()) + 1}")
    named = {column: fields[i].strip() for column, i in columns.items()}
    if not named["path"] or not named["label"] or "\0" in named["path"]:
        raise DataError(f"line {line}: expected a path and a class, but got {shorten(','.join(fields))}")
    said = named.get("part", "train").lower()
    part = next((part for part, words in PARTS.items() if said in words), None)
    if part is None:
        known = ", ".join(word for words in PARTS.values() for word in words)
        raise DataError(f"line {line}: the part {shorten(said)} is unknown; known: {known}")
    key = named["path"].replace("\\", "/")
    return Labelled(folder / key, named["label"], key), part


KIND = Kind(
    "a .csv file of paths and labels", lambda path: path.suffix in (".csv", ".tsv"), read, splits=True
)
