"""Compiling, and keeping what was compiled."""

import gc
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from kitnet.base.cache_folder import cache_folder
from kitnet.kernels import cache, jit
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import build
from kitnet.kernels.types import F32, F64


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """A cache of the test's own, and no memory of what other tests compiled."""
    monkeypatch.setenv("KITNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(jit, "_loaded", type(jit._loaded)())
    cache._complaints.clear()
    return tmp_path / "cache"


def add(number: float, cpu: Cpu | None = None) -> Kernel:
    """y = x + number for four elements."""
    k = Kernel("add", cpu or detect(), 1, x=F32, y=F32)
    x, y = k.pointers
    k.store(k.vector(x, 0, 3) + number, y, 0, 3)
    return k


def works(code: jit.Compiled, number: float) -> bool:
    x, y = np.arange(3, dtype=np.float32), np.zeros(3, np.float32)
    code(x=x, y=y)
    return bool((y == x + np.float32(number)).all())


def forget() -> None:
    jit._loaded.clear()


def compiling_is_forbidden(monkeypatch) -> None:
    def refuse(source):
        raise AssertionError("compiled again")

    monkeypatch.setattr(jit, "_assemble", refuse)


@pytest.mark.parametrize("level", levels())
def test_every_level_compiles_and_runs(level):
    assert works(build([add(1, detect(level))])[0], 1)


def test_many_kernels_come_back_in_order():
    for number, code in enumerate(build([add(n) for n in range(20)])):
        assert works(code, number)


def test_equal_kernels_share_their_code():
    first, other, again = build([add(1), add(2), add(1)])
    assert first.address == again.address != other.address
    assert build([add(2)])[0].address == other.address


def test_code_is_forgotten_with_its_last_user():
    code = build([add(1)])
    assert len(jit._loaded) == 1
    del code
    gc.collect()
    assert len(jit._loaded) == 0


def test_progress_counts_to_the_total():
    build([add(1)])
    seen = []
    kept = build(
        [add(n) for n in (5, 6, 7)], lambda *progress: seen.append((*progress, threading.current_thread()))
    )
    assert seen == [(n, 3, threading.main_thread()) for n in (1, 2, 3)]
    assert len(kept) == 3


def test_compiling_side_by_side_makes_the_same_code():
    kernels = [add(n) for n in range(24)]
    alone = [jit._assemble(kernel) for kernel in kernels]
    found: dict[int, bytes] = {}

    def work(first: int) -> None:
        for i in range(first, len(kernels), 4):
            found[i] = jit._assemble(kernels[i])

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(len(kernels))] == alone


@dataclass
class Text:
    name: str
    text: str
    cpu: Cpu


@pytest.mark.parametrize(
    "text",
    [
        "define void @wrong() { ret i64 }",
        "define void @wrong() { entry: br label %entry\nx: ret void }\n}",
        "define i32 @wrong() {\nret void\n}",
    ],
)
def test_wrong_text_is_refused_with_the_name(text):
    with pytest.raises(RuntimeError, match="kernel wrong"):
        jit.load([Text("wrong", text, detect())])


def test_a_value_used_outside_its_loop_is_refused():
    k = Kernel("outside", detect(), 1, y=F32)
    with k.loop(0, 3):
        value = k.constant(1.0, F32, 1) + k.scalar(k.pointers[0])
    k.store(k.scalar(k.pointers[0]), k.pointers[0])
    with k.when(k.task > 0):
        inner = value + 1.0
    k.store(inner, k.pointers[0])
    with pytest.raises(RuntimeError, match="kernel outside"):
        build([k])


def test_features_decide_and_not_the_processors_name():
    if levels()[0] != "avx512":
        pytest.skip("needs AVX-512")
    wide = replace(detect("avx512"), target="x86-64")
    narrow = replace(wide, features=frozenset())
    for cpu, is_wide in ((wide, True), (narrow, False)):
        k = Kernel("wide", cpu, 1, x=F32, y=F32)
        x, y = k.pointers
        k.store(k.vector(x) + 1.0, y)
        assert (b"\x62\xf1\x7c\x48" in jit._assemble(k)) == is_wide  # so moves of 512 bits begin
    assert jit._key(add(1, wide)) != jit._key(add(1, narrow))


def test_arguments_are_checked():
    (code,) = build([add(1)])
    x, y = np.zeros(3, np.float32), np.zeros(3)
    with pytest.raises(ValueError, match="argument y of kernel add is float32, not float64"):
        code(x=x, y=y)
    with pytest.raises(ValueError, match="kernel add takes x, y; given: x"):
        code(x=x)
    with pytest.raises(ValueError, match="kernel add has no argument 'z'; it has x, y"):
        code.point("z", x)
    y = np.zeros(3, np.float32)
    code(y=y, x=x.ctypes.data)  # by name, in any order, as arrays or addresses
    assert (x.tolist(), y.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_scratch_is_given_and_aligned():
    k = Kernel("scratch", detect(), 2, y=F64)
    room = k.scratch(F64, 1000)
    with k.loop(0, 1000) as i:
        k.store(k.scalar(k.pointers[0]), room, i)
    k.store(k.scalar(room, 999) + 1.0, k.pointers[0])
    y = np.zeros(1)
    build([k])[0](y=y)
    assert y[0] == 2
    assert jit.aligned(1).ctypes.data % 128 == 0 and jit.aligned(0).nbytes == 128


# The cache on disk


def test_the_next_process_finds_the_code(folder, monkeypatch):
    build([add(1)])
    assert len(list(folder.iterdir())) == 1
    forget()
    compiling_is_forbidden(monkeypatch)
    assert works(build([add(1)])[0], 1)


def test_the_folder_and_its_files_are_the_users_own(folder):
    build([add(1)])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]


def test_the_key_holds_everything_that_makes_the_code(monkeypatch):
    keys = {jit._key(add(1)), jit._key(add(2)), *(jit._key(add(1, detect(level))) for level in levels())}
    for name, value in (("_PIPELINE", "other"),):
        with monkeypatch.context() as patch:
            patch.setattr(jit, name, value)
            keys.add(jit._key(add(1)))
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["kitnet"], "__version__", "other", raising=False)
        keys.add(jit._key(add(1)))
    with monkeypatch.context() as patch:
        patch.setattr(jit.llvm, "llvm_version_info", (1, 2, 3))
        keys.add(jit._key(add(1)))
    assert len(keys) == len(levels()) + 4  # the plain key is that of one of the levels
    assert jit._key(add(1)) == jit._key(add(1))


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "foreign"])
def test_a_damaged_file_is_compiled_anew_and_mended(folder, damage, monkeypatch, caplog):
    kept = build([add(1)])
    (file,) = folder.iterdir()
    content = file.read_bytes()
    file.write_bytes(
        {
            "flip": content[:-7] + bytes([content[-7] ^ 1]) + content[-6:], "truncate": content[:-1],
            "empty": b"", "foreign": b"kitnet object 0\n" + content[16:],
        }[damage]
    )  # fmt: skip
    forget()
    with caplog.at_level(logging.WARNING, "kitnet"):
        assert works(build([add(1)])[0], 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"compiled code is not kept in {folder}: a file in it is damaged; kernels are compiled anew"
    ]
    assert file.read_bytes() == content
    del kept


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows keeps users apart by itself")
def test_what_others_can_write_is_neither_read_nor_written(folder, monkeypatch, caplog):
    build([add(1)])
    folder.chmod(0o777)
    forget()
    with caplog.at_level(logging.WARNING, "kitnet"), monkeypatch.context() as patch:
        compiling_is_forbidden(patch)
        with pytest.raises(AssertionError, match="compiled again"):
            build([add(1)])
    assert "can be written by, another user" in caplog.text
    assert works(build([add(2)])[0], 2)
    assert len(list(folder.iterdir())) == 1
    folder.chmod(0o700)
    (file,) = folder.iterdir()
    file.chmod(0o622)
    forget()
    with monkeypatch.context() as patch:
        compiling_is_forbidden(patch)
        with pytest.raises(AssertionError, match="compiled again"):
            build([add(1)])


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows keeps users apart by itself")
def test_a_folder_of_somebody_else_is_not_used(folder, monkeypatch):
    build([add(1)])
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    forget()
    assert works(build([add(2)])[0], 2)
    assert len(list(folder.iterdir())) == 1


def test_a_link_is_not_followed(folder, tmp_path, monkeypatch):
    build([add(1)])
    (file,) = folder.iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    forget()
    assert works(build([add(1)])[0], 1)
    assert not file.is_symlink()


def test_without_a_folder_it_only_compiles_and_says_so_once(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("KITNET_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING, "kitnet"):
        for number, code in enumerate(build([add(n) for n in range(4)])):
            assert works(code, number)
    assert len(caplog.records) == 1
    assert "Not a directory" in caplog.text


def test_a_failed_write_leaves_nothing_behind(folder, monkeypatch, caplog):
    def full(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert works(build([add(1)])[0], 1)
    assert list(folder.iterdir()) == []
    assert "No space left on device" in caplog.text


def test_where_the_folder_is(monkeypatch, tmp_path):
    assert cache.folder() == tmp_path / "cache"
    monkeypatch.delenv("KITNET_CACHE")
    assert cache.folder() == cache_folder()


@pytest.mark.skipif(sys.platform != "linux", reason="each system has a folder of its own")
def test_the_users_folder_for_caches(monkeypatch):
    monkeypatch.delenv("KITNET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/kitnet")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "kitnet"


def test_without_a_home_directory_there_is_no_folder(monkeypatch, caplog):
    """Said once; platformdirs raises an error or, in older versions, leaves the ~ as it is."""
    monkeypatch.delenv("KITNET_CACHE")

    def refuse(*arguments, **options):
        raise RuntimeError("could not determine the home directory")

    for n, answer in enumerate((refuse, lambda *arguments, **options: Path("~/.cache/kitnet"))):
        monkeypatch.setattr("platformdirs.user_cache_path", answer)
        assert cache_folder() is None
        assert works(build([add(n)])[0], n)
    assert caplog.messages == [
        "compiled code is not kept: there is no home directory, and KITNET_CACHE names no folder; "
        "kernels are compiled anew"
    ]


def test_several_processes_at_once(folder):
    code = (
        "import sys; sys.path[:0] = {path!r}\nfrom test_jit import add, build, works\n"
        "sys.exit(not all(works(code, n) for n, code in enumerate(build([add(n) for n in range(12)]))))"
    )
    code = code.format(path=[str(Path(__file__).parent), *filter(None, sys.path)])
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    names = [file.name for file in folder.iterdir()]
    assert len(names) == 12 and not any(name.startswith(".") for name in names)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_process_is_not_forked_while_a_thread_makes_code():
    """Or the child would wait for ever for locks that no thread of its own holds."""
    began, end = threading.Event(), threading.Event()

    def make():
        with jit._assembly:
            began.set()
            end.wait(10)

    thread = threading.Thread(target=make)
    thread.start()
    began.wait(10)
    threading.Timer(0.3, end.set).start()
    start = time.perf_counter()
    child = os.fork()
    if not child:
        os._exit(0 if jit._assembly._inside == 0 else 1)
    assert time.perf_counter() - start > 0.2
    assert os.waitpid(child, 0)[1] == 0
    thread.join()
