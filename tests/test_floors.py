"""The floors of the house: a file imports its own folder and lower floors, never up and never sideways; and
`import kitnet` needs NumPy alone and is quick."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import kitnet

PACKAGE = Path(kitnet.__file__).parent
FLOORS = {
    **dict.fromkeys(["base"], 0),
    **dict.fromkeys(["files", "web"], 1),  # files below data, which write their cache
    **dict.fromkeys(["layers", "kernels", "data", "optim"], 2),
    **dict.fromkeys(["net"], 3),
    **dict.fromkeys(["engine", "zoo"], 4),
    **dict.fromkeys(["functional", "lab", "surgery", "testing"], 5),
    **dict.fromkeys(["train"], 6),
    **dict.fromkeys(["interop", "look", "serve", "sklearn.py"], 7),
    **dict.fromkeys(["distributed", "studio"], 8),
    **dict.fromkeys(["lessons"], 9),
    **dict.fromkeys(["cli"], 10),
}
DOORS = ("__init__.py", "__main__.py")  # of the whole package: may import anything
LAZY = [
    "h5py",
    "mpi4py",
    "numba",
    "llvmlite",
    "matplotlib",
    "sklearn",
    "onnx",
    "PIL",
    "rich",
    "cyclopts",
    "pooch",
    "platformdirs",
    "safetensors",
]
MOST_SECONDS = 0.2  # of `import kitnet` over `import numpy`


def imported(source: str, package: str) -> set[str]:
    """The modules of kitnet that a file of `package` ('kitnet.net') imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            # `from kitnet import net` imports kitnet.net, `from kitnet.net import parse` nothing further
            found |= {f"{origin}.{alias.name}" for alias in node.names} if origin == "kitnet" else {origin}
    return {name for name in found if name.split(".")[0] == "kitnet"}


def known(module: str) -> str:
    """The folder or file of kitnet that a module belongs to; 'kitnet' itself for the public names."""
    parts = module.split(".")[1:2]
    return next((name for part in parts for name in (part, f"{part}.py") if name in FLOORS), "kitnet")


def floor(place: str) -> int:
    """The public names of `kitnet` stand as high as the highest floor that one of them comes from."""
    if place != "kitnet":
        return FLOORS[place]
    return max(FLOORS[known(f"kitnet.{module}")] for module in kitnet.NAMES.values())


def trespasses(source: str, home: str, folder: bool = True) -> list[str]:
    """What a file of this folder of kitnet (or this file of kitnet itself) imports though it must not."""
    return [
        f"{name} is on floor {floor(known(name))}, {home} on {FLOORS[home]}"
        for name in sorted(imported(source, f"kitnet.{home}" if folder else "kitnet"))
        if known(name) != home and floor(known(name)) >= FLOORS[home]
    ]


def files() -> list[Path]:
    return sorted(
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if path.name not in DOORS or path.parent != PACKAGE
    )


def test_imports_go_down() -> None:
    wrong = []
    for path in files():
        assert path.parts[0] in FLOORS, (
            f"kitnet/{path.parts[0]} has no floor; the house and this test give it one"
        )
        source = (PACKAGE / path).read_text("utf-8")
        found = trespasses(source, path.parts[0], folder=len(path.parts) > 1)
        wrong += [f"{path}: {each}" for each in found]
    assert wrong == []


def test_every_folder_has_a_floor() -> None:
    """Which its first line tells, where it has one."""
    for path in PACKAGE.glob("*/__init__.py"):
        told = re.match(r'"""Floor (\d+)', path.read_text("utf-8"))
        assert told is None or int(told[1]) == FLOORS[path.parent.name], path
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= set(FLOORS)


@pytest.mark.parametrize(
    ("source", "home", "found"),
    [
        ("from kitnet.net import parse", "layers", ["kitnet.net is on floor 3, layers on 2"]),
        ("import kitnet.net.graph", "layers", ["kitnet.net.graph is on floor 3, layers on 2"]),
        ("from kitnet import net", "base", ["kitnet.net is on floor 3, base on 0"]),
        ("from ..net import graph", "layers", ["kitnet.net is on floor 3, layers on 2"]),
        ("from .. import net", "layers", ["kitnet.net is on floor 3, layers on 2"]),
        ("from kitnet.optim import sgd", "data", ["kitnet.optim is on floor 2, data on 2"]),  # sideways
        ("from kitnet.zoo import lenet5", "engine", ["kitnet.zoo is on floor 4, engine on 4"]),
        ("def f():\n    from kitnet.train import fit", "engine", ["kitnet.train is on floor 6, engine on 4"]),
        ("import kitnet", "net", ["kitnet is on floor 3, net on 3"]),
        ("from kitnet import parse", "data", ["kitnet.parse is on floor 3, data on 2"]),
        ("from kitnet import parse", "train", []),
        ("import kitnet.cli", "studio", ["kitnet.cli is on floor 10, studio on 8"]),
        ("from kitnet.base.shape import say", "layers", []),
        ("from kitnet.layers.contract import Layer", "layers", []),
        ("from .contract import Layer", "layers", []),
        ("from . import contract", "layers", []),
        ("import numpy, kitnetworks", "base", []),
        ("from kitnet.net import parse\nfrom kitnet.studio import page", "cli", []),
    ],
)
def test_planted_imports_are_seen(source: str, home: str, found: list[str]) -> None:
    assert trespasses(source, home) == found


def python(code: str) -> str:
    root = str(PACKAGE.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_importing_kitnet_loads_numpy_alone() -> None:
    loaded = python(
        "import sys; from kitnet import *; print(' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    ).split()
    assert "numpy" in loaded
    assert [name for name in loaded if name in LAZY] == []


def test_the_list_of_lazy_modules_would_see_one() -> None:
    loaded = python("import sys, kitnet, PIL; print(' '.join(sys.modules))").split()
    assert [name for name in loaded if name in LAZY] == ["PIL"]


def test_folders_are_imported_when_they_are_read() -> None:
    code = """
import sys, kitnet
before = [name for name in kitnet.FOLDERS if f"kitnet.{name}" in sys.modules]
kitnet.zoo.find("lenet5"), kitnet.lab.compare, kitnet.surgery.fold, kitnet.data.load, kitnet.engine.explain
print(*before, "; zoo" if "zoo" in dir(kitnet) else "")
"""
    assert python(code) == "base ; zoo"
    assert {"Model", "load"} <= {*dir(kitnet)}
    assert python("import kitnet; print(kitnet.Model.load is not None, kitnet.load)").startswith("True <")
    assert set(kitnet.FOLDERS) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    with pytest.raises(AttributeError, match="module 'kitnet' has no attribute 'zooo'"):
        print(kitnet.zooo)


def test_a_public_name_is_imported_when_it_is_read() -> None:
    """So that nothing can be interrupted before the command line hears of it."""
    code = "import sys, kitnet, kitnet.__main__; print(sum(name.startswith('numpy') for name in sys.modules))"
    assert python(code) == "0"
    assert {*kitnet.NAMES, "__version__"} == {*kitnet.__all__} <= {*dir(kitnet)}


def test_the_studio_answers_before_the_engine_is_imported() -> None:
    """Its page is there while the training imports what it needs; a command imports no other one."""
    code = "import sys, kitnet.cli.studio, kitnet.studio.server; print(' '.join(sys.modules))"
    loaded = python(code).split()
    assert "kitnet.studio.app" in loaded
    assert [m for m in loaded if m in ("kitnet.engine", "llvmlite", "kitnet.lab", "kitnet.cli.explain")] == []


def test_importing_kitnet_is_quick() -> None:
    """The median of five; processor time, which other work on the machine stretches little. With all its
    public names."""
    code = "import time, numpy; t = time.process_time(); from kitnet import *; print(time.process_time() - t)"
    python(code)  # writes the compiled files
    times = [float(python(code)) for _ in range(5)]
    assert statistics.median(times) < MOST_SECONDS, times
