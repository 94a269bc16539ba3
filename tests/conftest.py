"""What all tests share: Hypothesis draws the same examples every time, and layers defined inside a test are
forgotten after it."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from patterns import patterns, write_folder

from kitnet.kernels.amx import why_no_tiles
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.layers import LAYERS

settings.register_profile(
    "kitnet",
    derandomize=True,
    deadline=None,  # the machine is shared
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kitnet")

# Started in the background by a shell they would ignore Ctrl-C, by nohup the end of the terminal, and so
# would every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # Windows has none
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the cases of a test with the mark `sample(every)` all but each so many-th become slow; with the mark
    `sample(every, slow)` only each `slow`-th case does, and all others become long.

    Slow become also the lesser instruction sets, but for each eleventh, so that all sets take turns.
    """
    seen, lesser = Counter[str](), 0
    for item in items:
        mark = item.get_closest_marker("sample")
        if mark is not None:
            name = item.nodeid.partition("[")[0]
            every, each = (*mark.args, 1)[:2]
            number = seen[name]
            seen[name] += 1
            if number % every and number % each:
                item.own_markers = [own for own in item.own_markers if own.name != "slow"]
                item.add_marker(pytest.mark.long)
                continue
            if number % every:
                item.add_marker(pytest.mark.slow)
        given = getattr(item, "callspec", None)
        values = [given.params.get(name) for name in ("cpu", "level")] if given else []
        told = [value.level if isinstance(value, Cpu) else value for value in values]
        if any(level in levels()[1:] for level in told):
            if lesser % 11:
                item.add_marker(pytest.mark.slow)
            lesser += 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Which matrix unit the kernels on tiles were tested on."""
    reason = why_no_tiles(detect())
    unit = "AMX, and its emulation" if reason is None else f"the emulation alone; {reason}"
    terminalreporter.write_line(f"matrix tiles were those of {unit}")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled code goes to a folder of the tests' own, not to the user's; all their processes share it."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KITNET_CACHE", str(folder / "compiled" / "cache"))
        yield


@pytest.fixture(scope="session")
def easy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with 100 pictures of ten patterns to train with, and 40 to test."""
    folder = tmp_path_factory.mktemp("data") / "easy"
    return str(write_folder(folder, patterns(100, 0), patterns(40, 1)))


@pytest.fixture(autouse=True)
def own_layers() -> Iterator[None]:
    """Layers that the test registers are taken out of the registry again."""
    before = set(LAYERS)
    yield
    for word in set(LAYERS) - before:
        del LAYERS[word]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, by Playwright: one for all tests of a process, which can have no second one."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not there: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
