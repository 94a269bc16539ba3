"""`python -m kitnet.lessons [N ...]` writes into the texts what their cells are and print now."""

from __future__ import annotations

import sys

from kitnet.lessons import LANGUAGES, chapter, chapters


def main(numbers: list[str]) -> None:
    """Every language of the chapters with these numbers, or of all."""
    for one in [chapter(int(number)) for number in numbers] or chapters():
        for language in LANGUAGES:
            if one.place(language).exists():
                one.place(language).write_text(one.written(language), "utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
