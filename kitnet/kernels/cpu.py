"""What this processor offers to generated code.

A processor is known by its features, never by its name: virtual machines mask the name, and a feature can be
switched off under it. `KITNET_CPU=avx2` makes the machine pretend the lesser set, so that one machine tests
the code of all, and `KITNET_TILES=emulated` one with matrix tiles, slowly.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import math
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from kitnet.base.error import KitnetError, nearest

_log = logging.getLogger("kitnet")


@dataclass(frozen=True)
class _Level:
    """One instruction set: what it needs, LLVM's name for it, and what it gives."""

    target: str
    needs: frozenset[str]
    lanes: int
    registers: int
    fma: bool


_BASIC = frozenset({"sse", "sse2", "cmov", "cx8", "fxsr", "mmx", "64bit"})
_SSE42 = _BASIC | {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cx16", "sahf", "crc32"}
_AVX2 = _SSE42 | {"avx", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe", "xsave"}
_AVX512 = _AVX2 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}

_X86 = {  # the most able first
    "avx512": _Level("x86-64-v4", _AVX512, 16, 32, True),
    "avx2": _Level("x86-64-v3", _AVX2, 8, 16, True),
    "sse42": _Level("x86-64-v2", _SSE42, 4, 16, False),
    "baseline": _Level("x86-64", frozenset({"sse2"}), 4, 16, False),
}
_ARM = {"baseline": _Level("generic", frozenset(), 4, 32, True)}  # every 64-bit ARM has NEON with fma
_OTHER = {"baseline": _Level("generic", frozenset(), 4, 16, False)}


@dataclass(frozen=True)
class Cpu:
    """A processor as code generation sees it.

    `lanes` counts the float32 of one vector register, `registers` the vector registers, the caches are in
    bytes (None where the system does not tell). `level` is one of avx512, avx2, sse42, baseline. On ARM there
    is one level, `baseline`, which is NEON; a part of the tests has been run under emulation, none on a
    real one yet. One that `emulates_tiles` does in plain code what its kernels ask of matrix tiles.
    """

    architecture: str
    level: str
    target: str
    features: frozenset[str] = field(repr=False)
    lanes: int
    registers: int
    has_fma: bool
    name: str
    l1d: int | None = None
    l2: int | None = None
    emulates_tiles: bool = False

    @property
    def llvm_features(self) -> str:
        """The features as LLVM reads them. Without `-prefer-256-bit` LLVM splits what it writes itself into
        halves.
        """
        plus = ",".join(f"+{feature}" for feature in sorted(self.features))
        return f"{plus},-prefer-256-bit" if "avx512f" in self.features else plus

    def __str__(self) -> str:
        return f"{self.name} ({self.architecture}, {self.level}: {self.lanes} floats a vector)"


def detect(level: str | None = None) -> Cpu:
    """This processor, or this processor pretending a lesser level: `level`, else the environment's
    KITNET_CPU.
    """
    tiles = os.environ.get("KITNET_TILES", "")
    if tiles not in ("", "emulated"):
        raise KitnetError(
            f"KITNET_TILES={tiles}: tiles can be emulated, or what the processor has without it"
        )
    found = _detect(os.environ.get("KITNET_CPU", "") if level is None else level)
    return replace(found, emulates_tiles=True) if tiles else found


def plain(level: str) -> Cpu:
    """This processor as one that has what makes up the level and nothing more: code for it runs on every
    other one of the level.
    """
    return replace(_detect(level), features=_ladder()[level].needs)


def levels() -> tuple[str, ...]:
    """The levels that this processor can be or pretend, the most able first."""
    features = _host_features()
    return tuple(name for name, level in _ladder().items() if level.needs <= features)


@functools.cache
def _detect(wanted: str) -> Cpu:
    possible = levels()
    if wanted and wanted not in possible:
        hint = nearest(wanted, possible) if wanted not in _X86 else ""
        raise KitnetError(f"KITNET_CPU={wanted}: this processor can be {' or '.join(possible)}{hint}")
    name = wanted or possible[0]
    level, features = _ladder()[name], _host_features()
    if name != possible[0]:
        features &= level.needs  # a lesser level knows nothing of the extras of this machine
    elif level is _X86["baseline"]:
        _tell_what_is_missing()
    l1d, l2 = _caches()
    return Cpu(
        platform.machine(),
        name,
        level.target,
        features,
        level.lanes,
        level.registers,
        level.fma,
        _name(),
        l1d,
        l2,
    )


@functools.cache
def _tell_what_is_missing() -> None:
    """Say once why everything takes longer."""
    _log.warning("this processor has none of AVX-512, AVX2 and SSE4.2; compiled code runs slowly on it")


def _ladder() -> dict[str, _Level]:
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return _X86
    return _ARM if machine in ("aarch64", "arm64") else _OTHER


@functools.cache
def _host_features() -> frozenset[str]:
    import llvmlite.binding as llvm  # here, since only generating code needs it

    return frozenset(name for name, present in llvm.get_host_cpu_features().items() if present)


def _name() -> str:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string").decode().rstrip("\0") or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _caches() -> tuple[int | None, int | None]:
    """Bytes of L1 data and L2, where Linux or macOS tell."""
    if sys.platform == "darwin":
        sizes = (int.from_bytes(_sysctl(f"hw.{cache}cachesize"), "little") for cache in ("l1d", "l2"))
        l1d, l2 = (size or None for size in sizes)
        return l1d, l2
    found: dict[str, int] = {}
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            level, kind, size = ((index / word).read_text().strip() for word in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction" and size.endswith("K") and size[:-1].isdigit():
            found[level] = 1024 * int(size[:-1])
    return found.get("1"), found.get("2")


def _sysctl(key: str) -> bytes:
    """macOS's own answer for one key, empty where it has none."""
    library = ctypes.CDLL(None)
    size = ctypes.c_size_t(256)
    answer = ctypes.create_string_buffer(size.value)
    failed = library.sysctlbyname(key.encode(), answer, ctypes.byref(size), None, ctypes.c_size_t(0))
    return b"" if failed else answer.raw[: size.value]


def cores() -> int:
    """Cores that this process may keep busy: those it may run on, or fewer where a container's quota gives
    fewer.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *_quotas()]))


def _quotas(proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """The cores that each limited control group around this process grants, rounded up."""
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "cpu" if controllers else root
        group = mount / path.lstrip("/")
        # Inside a container the path may be the host's, which is not mounted: then the mount itself is the
        # container's group.
        for folder in (group, *group.parents):
            if folder == mount or mount in folder.parents:
                quota, period = _quota(folder)
                if quota > 0 and period > 0:
                    yield math.ceil(quota / period)


def _quota(group: Path) -> tuple[int, int]:
    """Microseconds of processor time in a period of so many: cgroup v2, then v1; (0, 0) without a limit."""
    try:
        words = (group / "cpu.max").read_text().split()
    except OSError:
        try:
            words = [(group / f"cpu.cfs_{word}_us").read_text().strip() for word in ("quota", "period")]
        except OSError:
            return 0, 0
    return (int(words[0]), int(words[1])) if words[0].lstrip("-").isdigit() else (0, 0)
