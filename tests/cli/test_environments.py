"""Training where something is missing: it goes on, gives the same numbers, and says once what it lacks."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from kitnet.cli import run
from kitnet.kernels.cpu import levels

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
WORDS = ("train", LINE, "--epochs", "2", "--batch", "16")
SECONDS = 120  # far more than anything here takes
LINUX = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")


def read_losses(folder):
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["engine"] == "compiled"
    return summary["train_loss"], summary["test_loss"]


@pytest.fixture
def train(start, easy, here):
    """Begins a run of two epochs; what it returns ends it: its losses, and what it said on standard error."""

    def begin(name, program=("-m", "kitnet"), **environment):
        given = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent), **environment}
        words = (*WORDS, "--data", easy, "--runs", name)
        process = start(*words, program=program, env={k: v for k, v in given.items() if v is not None})

        def end():
            out, err = process.communicate(timeout=SECONDS)
            assert process.returncode == 0, err
            return read_losses(here / name / "net-1"), err, out

        return end

    return begin


@pytest.fixture(scope="module")
def losses(tmp_path_factory, easy):
    """Those of a run that lacks nothing."""
    runs = tmp_path_factory.mktemp("usual")
    assert run([*WORDS, "--data", easy, "--runs", str(runs)]) == 0
    return read_losses(runs / "net-1")


def without_a_cache(folder: str, reason: str) -> str:
    return f"compiled code is not kept in {folder}: {reason}; kernels are compiled anew\n"


@LINUX
@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"KITNET_CACHE": "/proc/cache"}, "/proc/cache"),
        ({"KITNET_CACHE": None, "XDG_CACHE_HOME": "/proc"}, "/proc/kitnet"),
        ({"KITNET_CACHE": None, "XDG_CACHE_HOME": None, "HOME": "/proc"}, "/proc/.cache/kitnet"),
    ],
    ids=["KITNET_CACHE", "XDG_CACHE_HOME", "HOME"],
)
@pytest.mark.sample(3)
def test_a_place_where_nothing_can_be_kept(train, losses, environment, folder):
    """In /proc not even root can make a folder."""
    found, err, _ = train("hostile", **environment)()
    assert (found, err) == (losses, without_a_cache(folder, "No such file or directory"))


@pytest.mark.slow
def test_a_cache_that_is_a_file(train, losses, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    found, err, _ = train("hostile", KITNET_CACHE=str(tmp_path / "file"))()
    assert (found, err) == (losses, without_a_cache(str(tmp_path / "file"), "Not a directory"))


@pytest.mark.slow
def test_damaged_files_are_told_once_and_mended(train, losses, tmp_path):
    cache = tmp_path / "cache"
    assert train("fills", KITNET_CACHE=str(cache))()[:2] == (losses, "")
    files = sorted(cache.iterdir())
    whole = [file.read_bytes() for file in files]
    for file, content in zip(files, whole, strict=True):
        i = len(content) // 2
        file.write_bytes(content[:i] if file in files[::2] else content[:i] + b"?" + content[i + 1 :])
    found, err, _ = train("damaged", KITNET_CACHE=str(cache))()
    assert (found, err) == (losses, without_a_cache(str(cache), "a file in it is damaged"))
    assert [file.read_bytes() for file in files] == whole
    assert train("mended", KITNET_CACHE=str(cache))()[:2] == (losses, "")


@pytest.mark.slow
def test_folders_in_place_of_the_files(train, losses, tmp_path):
    cache = tmp_path / "cache"
    train("fills", KITNET_CACHE=str(cache))()
    files = sorted(cache.iterdir())
    for file in files:
        file.unlink()
        file.mkdir()
    found, err, _ = train("hostile", KITNET_CACHE=str(cache))()
    assert (found, err) == (losses, without_a_cache(str(cache), "Is a directory"))
    assert sorted(cache.iterdir()) == files  # nothing is left of what could not be written


@pytest.mark.slow
def test_two_processes_fill_one_cache_at_once(train, losses, tmp_path):
    cache = tmp_path / "cache"
    ends = [train(name, KITNET_CACHE=str(cache)) for name in ("one", "two")]
    assert [end()[:2] for end in ends] == [(losses, "")] * 2
    assert all(re.fullmatch("[0-9a-f]{64}", file.name) for file in cache.iterdir())


HOMELESS = """
import pwd

def unknown(user):
    raise KeyError(user)

pwd.getpwuid = unknown
from kitnet.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs users as POSIX has them")
def test_a_user_without_a_home_directory(train, losses, here):
    """As in a container that runs as a user of whom it has no entry."""
    nothing = dict.fromkeys(("KITNET_CACHE", "XDG_CACHE_HOME", "HOME"))
    found, err, _ = train("homeless", program=("-c", HOMELESS), **nothing)()
    assert (found, err) == (
        losses,
        "compiled code is not kept: there is no home directory, and KITNET_CACHE names no folder; "
        "kernels are compiled anew\n",
    )
    assert sorted(path.name for path in here.iterdir()) == ["homeless"]  # no folder called ~


CORES = "from kitnet.kernels.cpu import cores\n"
RUN = """
import sys, threading
from kitnet.cli import run
status = run(sys.argv[1:])
print("cores", cores(), "helpers", sum(t.name.startswith("kitnet-") for t in threading.enumerate()))
print("maps", *sorted({line.split("/")[-1].strip() for line in open("/proc/self/maps") if ".so" in line}))
sys.exit(status)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux's affinity")
@LINUX
def test_one_core(train, losses):
    first = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + CORES
    found, err, out = train("one-core", program=("-c", first + RUN))()
    assert (found, err) == (losses, "")
    assert "cores 1 helpers 0\n" in out


QUOTA = """
import pathlib
from kitnet.kernels import cpu
from kitnet.kernels.cpu import cores
cpu._quotas.__defaults__ = tuple(map(pathlib.Path, {trees!r}))
"""


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("version", [1, 2])
def test_a_quota_of_half_a_core(train, losses, tmp_path, version):
    """The control groups of a container that shows all cores of its host."""
    group = tmp_path / "tree" / ("box" if version == 2 else "cpu/box")
    group.mkdir(parents=True)
    if version == 2:
        (group / "cpu.max").write_text("50000 100000\n")
    else:
        (group / "cpu.cfs_quota_us").write_text("50000\n")
        (group / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "proc").write_text("0::/box\n" if version == 2 else "4:cpu,cpuacct:/box\n")
    first = QUOTA.format(trees=[str(tmp_path / "proc"), str(tmp_path / "tree")])
    found, err, out = train("quota", program=("-c", first + RUN))()
    assert (found, err) == (losses, "")
    assert "cores 1 helpers 0\n" in out


@pytest.mark.slow
@LINUX
def test_no_library_for_threads_comes_into_the_process(train, losses):
    """Two of them in one process are a trap, and a missing one is another."""
    found, err, out = train("maps", program=("-c", CORES + RUN))()
    assert (found, err) == (losses, "")
    (maps,) = re.findall("^maps (.*)", out, re.MULTILINE)
    assert "libllvmlite.so" in maps
    assert not re.search(r"gomp|iomp|libomp|tbb|mkl", maps), maps


@pytest.mark.slow
@pytest.mark.parametrize("level", levels()[1:])
def test_a_lesser_instruction_set_that_was_asked_for_is_no_news(train, losses, level):
    """Fewer numbers side by side, or no fused multiply-add, round otherwise."""
    found, err, _ = train("lesser", KITNET_CPU=level)()
    assert found == pytest.approx(losses, rel=1e-4)
    assert err == ""


@pytest.mark.slow
@pytest.mark.skipif("sse42" not in levels(), reason="needs an x86 processor")
def test_a_processor_with_nothing_says_so_once(train, losses):
    first = "from kitnet.kernels import cpu\n" + CORES
    first += "host = cpu._host_features() & cpu._BASIC\ncpu._host_features = lambda: host"
    found, err, _ = train("nothing", program=("-c", first + RUN))()
    assert found == pytest.approx(losses, rel=1e-4)
    assert err == "this processor has none of AVX-512, AVX2 and SSE4.2; compiled code runs slowly on it\n"
