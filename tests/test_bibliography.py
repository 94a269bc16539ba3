"""The bibliography has what is referred to, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import kitnet

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs" / "site"))
from citations import PAGE, entries, linked  # noqa: E402

PACKAGE = Path(kitnet.__file__).parent
TEXTS = "\n".join(
    path.read_text("utf-8")
    for path in [
        *PACKAGE.rglob("*.py"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        *(ROOT / "experiments").glob("*.md"),
    ]
    if path != ROOT / PAGE
)


@pytest.mark.parametrize("title", entries())
def test_every_entry_is_referred_to(title: str) -> None:
    assert entries()[title][0].search(TEXTS)


@pytest.mark.parametrize(
    ("said", "anchor"),
    [
        ("Simard et al. 2003", "simard-steinkraus--platt-2003"),
        ("Radford, Metz & Chintala (2016", "radford-metz--chintala-2016"),
        ("LeCun et\nal. 1998", "lecun-et-al-1998"),
        ("CS231n", "cs231n"),
        ('Jia\'s "Convolution in\nCaffe: a memo"', "jias-convolution-in-caffe-a-memo"),
    ],
)
def test_a_citation_becomes_a_link(said: str, anchor: str) -> None:
    assert (
        linked("docs/words", f"as {said}, section 2") == f"as [{said}](bibliography.md#{anchor}), section 2"
    )


@pytest.mark.parametrize(
    "text",
    [
        "`LeCun et al. 1998`",
        "```\nLeCun et al. 1998\n```",
        "## LeCun et al. 1998",
        "[LeCun et al. 1998](a.md)",
        "LeCun et al. 19980",
        "LeCun ran in 1998",
    ],
)
def test_what_is_no_citation_stays(text: str) -> None:
    assert linked("README", text) == text
