"""The test that is named for a planted bug kills it: a sample with `-m slow`, all with `-m long`."""

from __future__ import annotations

import ast
import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from queue import SimpleQueue

import pytest
from mutant import PACKAGE, AnchorError, Mutant, anchor, plant, same
from planted import FLOORS

ROOT = PACKAGE.parent
MUTANTS = [*chain.from_iterable(FLOORS.values())]
JOBS = 2
SAMPLE = 14  # bugs that CI plants
SECONDS, EACH = 120, 30  # at most for a run of tests, and for each of them; the machine may be slow
FAILED = 1  # pytest's exit status where tests ran and failed; 2 and more: they did not run


def sample(size: int) -> list[Mutant]:
    """The floors in turn, of few mutants evenly picked ones, each with mutants from its first file to its
    last."""
    each = -(-size // len(FLOORS))
    rows = [mutants[:: max(1, len(mutants) // each)][:each] for mutants in FLOORS.values()]
    found = [mutant for turn in zip_longest(*rows) for mutant in turn if mutant]
    return found[:: max(1, len(found) // size)][:size]


def run(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """The tests on a copy of the package, from which alone kitnet is imported."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "--tb=no"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-m", "", *(f"tests/{test}" for test in tests)],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + EACH * len(tests),
    )


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleQueue[Path]]:
    """As many copies of package and tests as run at once."""
    found: SimpleQueue[Path] = SimpleQueue()
    for i in range(JOBS):
        copy = tmp_path_factory.mktemp(f"copy{i}")
        for folder in ("kitnet", "tests"):
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        # by the hash of the source: a file changed twice in one second is read anew
        compileall.compile_dir(
            copy / "kitnet", quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
        )
        found.put(copy)
    yield found


def survivor(mutant: Mutant, file: str, text: str, copies: SimpleQueue[Path]) -> str:
    """What is wrong with this mutant, whose file then holds the text: nothing where its test fails."""
    copy = copies.get()
    path = copy / "kitnet" / file
    source = path.read_text("utf-8")
    try:
        path.write_text(text, "utf-8")
        done = run(copy, mutant.test)
    except subprocess.TimeoutExpired:
        return ""  # a bug that never ends fails its test, too
    finally:
        path.write_text(source, "utf-8")
        copies.put(copy)
    if done.returncode == FAILED or done.returncode < 0:  # a bug that ends the process fails its test, too
        return ""
    return f"{mutant.where}: {mutant.wrong!r} is not killed by {mutant.test} (status {done.returncode})"


def kill(mutants: list[Mutant], copies: SimpleQueue[Path]) -> None:
    copy = copies.get()
    clean = run(copy, *sorted({mutant.test for mutant in mutants}))
    copies.put(copy)
    assert clean.returncode == 0, f"the named tests fail without a bug:\n{clean.stdout[-2000:]}"
    # planted before the threads begin: Python 3.11 may not build two syntax trees at a time
    planted = [(mutant, *plant(mutant)) for mutant in mutants]
    with ThreadPoolExecutor(JOBS) as pool:
        survivors = [text for text in pool.map(lambda each: survivor(*each, copies), planted) if text]
    if survivors:
        pytest.fail("\n".join(survivors))


# Anchors


def piece(text: str) -> ast.Module:
    """The syntax of a piece of a line: of a statement, an expression, or arguments of a call."""
    for form in ("{}", "({})", "f({})"):
        with suppress(SyntaxError):
            return ast.parse(form.format(text))
    raise AnchorError(f"{text!r} is no Python")


@cache
def names(file: str) -> set[str]:
    """Of the functions and classes of a file of tests."""
    return set(re.findall(r"(?:def|class) (\w+)", (ROOT / "tests" / file).read_text("utf-8")))


def test_every_anchor_is_found_and_every_named_test_exists() -> None:
    """In one test: whatever process it falls to parses the package once."""
    wrong = []
    for mutant in MUTANTS:
        file, *_, name = mutant.test.split("::")
        if name.split("[")[0] not in names(file):
            wrong.append(f"no test is called {mutant.test}")
        try:
            plant(mutant)
        except AnchorError as error:
            wrong.append(str(error))
            continue
        if same(piece(mutant.right), piece(mutant.wrong)):
            wrong.append(f"{mutant.where}: {mutant.wrong!r} changes nothing")
    assert not wrong, "\n".join(wrong)


def test_no_bug_is_planted_twice() -> None:
    assert [mutant for mutant, times in Counter(MUTANTS).items() if times > 1] == []
    assert len(MUTANTS) >= 300
    assert all(len(sample(size)) == len(set(sample(size))) == size for size in (SAMPLE, 40))


FILES = {
    "box.py": """
SIDES = 4

class Box:
    def area(self, times):
        text = "é, one long text", self.side
        return call(self.side * self.side, times=times) + SIDES
""",
    "one.py": "def twice(x): return x + x",
    "deep/two.py": "def twice(x): return 2 * x",
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of these files in the place of kitnet."""
    monkeypatch.setattr("mutant.PACKAGE", tmp_path)
    (tmp_path / "deep").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("where", "right", "wrong", "index", "file", "line"),
    [
        ("SIDES", "4", "5", None, "box.py", "SIDES = (5)"),
        ("Box.area", "self.side*self.side", "0", None, "box.py", "call((0), times=times) + SIDES"),
        ("Box.area", "times=times", "times=1", None, "box.py", "self.side, times=1) + SIDES"),
        ("Box.area", "self.side", "0", 0, "box.py", "text = \"é, one long text\", (0)"),
        ("Box.area", "'one long'", "'a'", None, "box.py", "text = 'é, a text', self.side"),
        ("box:Box", "SIDES", "1", None, "box.py", "times=times) + (1)"),
        ("twice", "2 * x", "x", None, "deep/two.py", "def twice(x): return (x)"),
        ("one:twice", "return x + x", "pass", None, "one.py", "def twice(x): pass"),
    ],
)  # fmt: skip
def test_a_bug_stands_where_its_definition_and_syntax_say(
    where: str, right: str, wrong: str, index: int | None, file: str, line: str
) -> None:
    found, text = plant(Mutant(where, right, wrong, "", index))
    assert found == file and line in text
    assert len(text.splitlines()) == len(FILES[file].splitlines())


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("where", "right", "index", "text"),
    [
        ("area", "1", None, "kitnet defines no area"),
        ("deep.one:twice", "x", None, "kitnet defines no deep.one:twice"),
        ("Box.area", "self.width", None, "'self.width' stands 0 times in Box.area (box.py)"),
        ("Box.area", "self.side", None, "'self.side' stands 3 times in Box.area (box.py)"),
        ("Box.area", "self.side", 3, "'self.side' stands 3 times in Box.area (box.py)"),
        ("Box.area", "SIDES", 0, "'SIDES' stands 1 times in Box.area (box.py)"),
        ("twice", "x", 0, "'x' stands in several twice (deep/two.py, one.py): name the module"),
    ],
)
def test_anchors_that_are_not_found_once(where: str, right: str, index: int | None, text: str) -> None:
    with pytest.raises(AnchorError) as caught:
        anchor(Mutant(where, right, "0", "", index))
    assert str(caught.value) == text


# Kills


@pytest.mark.slow
def test_a_sample_is_killed(copies: SimpleQueue[Path]) -> None:
    kill(sample(SAMPLE), copies)


@pytest.mark.slow
def test_every_chapter_of_the_book_sees_a_broken_formula(copies: SimpleQueue[Path]) -> None:
    seen = {mutant.test.partition("[")[2].rstrip("]") for mutant in FLOORS["lessons"]}
    assert seen == {path.name for path in (PACKAGE / "lessons").glob("[0-9]*")}
    kill(FLOORS["lessons"], copies)


@pytest.mark.long
@pytest.mark.parametrize("floor", FLOORS)
def test_every_mutant_is_killed(copies: SimpleQueue[Path], floor: str) -> None:
    kill(FLOORS[floor], copies)


HARMLESS = Mutant("say", "'x'.join(map(str, shape))", "('x').join(map(str, shape))", "")


def test_a_change_that_is_no_bug_survives(copies: SimpleQueue[Path]) -> None:
    """The runner can fail: otherwise a broken runner would kill everything."""
    harmless = HARMLESS._replace(test="base/test_shape.py::test_say")
    assert survivor(harmless, *plant(harmless), copies).endswith(
        "is not killed by base/test_shape.py::test_say (status 0)"
    )


def test_a_test_that_does_not_run_kills_nothing(copies: SimpleQueue[Path]) -> None:
    gone = HARMLESS._replace(test="base/test_shape.py::test_gone")
    assert survivor(gone, *plant(gone), copies).endswith("test_gone (status 4)")
