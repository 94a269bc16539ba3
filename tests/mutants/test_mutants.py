"""Each planted bug is killed by the test that is named for it. A sample by default, all with `-m slow`."""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest
from planted import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
JOBS = 2
SAMPLE = MUTANTS[:: -(-len(MUTANTS) // 12)]
SECONDS, EACH = 300, 30  # at most for a run of tests, and for each of them; the machine may be slow
FAILED = 1  # pytest's exit status where tests ran and failed; 2 and more: they did not run


def run(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """The tests on a copy of the package, from which alone kitnet is imported."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "--tb=no"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)],
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


def survivor(mutant: Mutant, copies: SimpleQueue[Path]) -> str:
    """What is wrong with this mutant: nothing where its test fails."""
    copy = copies.get()
    path = copy / "kitnet" / mutant.file
    source = path.read_text("utf-8")
    try:
        path.write_text(source.replace(mutant.right, mutant.wrong), "utf-8")
        done = run(copy, mutant.test)
    finally:
        path.write_text(source, "utf-8")
        copies.put(copy)
    if done.returncode == FAILED:
        return ""
    return f"{mutant.file}: {mutant.wrong!r} is not killed by {mutant.test} (status {done.returncode})"


def kill(mutants: list[Mutant], copies: SimpleQueue[Path]) -> None:
    copy = copies.get()
    clean = run(copy, *sorted({mutant.test for mutant in mutants}))
    copies.put(copy)
    assert clean.returncode == 0, f"the named tests fail without a bug:\n{clean.stdout[-2000:]}"
    with ThreadPoolExecutor(JOBS) as pool:
        survivors = [text for text in pool.map(lambda mutant: survivor(mutant, copies), mutants) if text]
    if survivors:
        pytest.fail("\n".join(survivors))


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_each_fragment_occurs_once(file: str) -> None:
    source = (ROOT / "kitnet" / file).read_text("utf-8")
    for mutant in MUTANTS:
        if mutant.file == file:
            assert source.count(mutant.right) == 1, mutant
            assert mutant.wrong != mutant.right


def test_no_bug_is_planted_twice() -> None:
    assert [mutant for mutant, times in Counter(MUTANTS).items() if times > 1] == []
    assert len(MUTANTS) >= 45


def test_a_sample_is_killed(copies: SimpleQueue[Path]) -> None:
    kill(SAMPLE, copies)


@pytest.mark.slow
def test_every_mutant_is_killed(copies: SimpleQueue[Path]) -> None:
    kill(MUTANTS, copies)


def test_a_change_that_is_no_bug_survives(copies: SimpleQueue[Path]) -> None:
    """The runner can fail: otherwise a broken runner would kill everything."""
    harmless = Mutant("base/shape.py", "Volumes and the", "Volumes, and the", "base/test_shape.py::test_say")
    assert survivor(harmless, copies) == (
        "base/shape.py: 'Volumes, and the' is not killed by base/test_shape.py::test_say (status 0)"
    )


def test_a_test_that_does_not_run_kills_nothing(copies: SimpleQueue[Path]) -> None:
    gone = Mutant("base/shape.py", "Volumes and the", "Volumes, and the", "base/test_shape.py::test_gone")
    assert survivor(gone, copies).endswith("test_gone (status 4)")
