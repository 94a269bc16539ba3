"""Kernels to machine code, and machine code to addresses.

LLVM IR is parsed, verified, optimised and assembled into an object file, which is kept on disk (`cache.py`);
every later process links it from there in about 1 ms instead of compiling for 20 to 200.

Kernels compile side by side on all cores. llvmlite takes a lock around every call, but LLVM itself needs none
between contexts, and each compilation has its own; so the two long calls (passes and code) go past that lock:
on two cores, 69 ms a kernel become 35.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import itertools
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import llvmlite
import llvmlite.binding as llvm
import numpy as np
from llvmlite.binding import ffi
from numpy.typing import NDArray

from kitnet.base.memory import aligned
from kitnet.kernels import cache
from kitnet.kernels.cpu import Cpu, cores
from kitnet.kernels.emit import Kernel

_PIPELINE = "O2, no vectorisers, pic, small"  # part of the key: change it with what _optimised() makes


class Source(Protocol):
    """What can be compiled: LLVM IR that defines a function of this name, for one processor."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def cpu(self) -> Cpu: ...


class Code:
    """One function in memory, of an object file of `size` bytes. It stays there as long as this object "
    "lives."""

    def __init__(self, name: str, object_code: bytes) -> None:
        builder = (
            llvm.JITLibraryBuilder().add_object_img(object_code).add_current_process().export_symbol(name)
        )
        self._tracker = builder.link(_linker(), f"{name}.{next(_numbers)}")
        self.address, self.size = int(self._tracker[name]), len(object_code)


class Compiled:
    """A kernel's machine code, with what a caller must know of it."""

    def __init__(self, kernel: Kernel, code: Code) -> None:
        self.name, self.tasks, self.arguments = kernel.name, kernel.tasks, kernel.arguments
        self.scratch_bytes, self.address, self.code = kernel.scratch_bytes, code.address, code

    @functools.cached_property
    def function(self) -> Callable[[int, int, int], None]:
        """`function(args, task, scratch)` of addresses; the GIL is released meanwhile."""
        return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(self.address)

    def __call__(self, **arguments: NDArray[Any] | int) -> None:
        """Run all tasks in order on this thread, without a crew; arguments are arrays or addresses."""
        if arguments.keys() != self.arguments.keys():
            raise ValueError(
                f"kernel {self.name} takes {', '.join(self.arguments)}; given: {', '.join(arguments)}"
            )
        table = np.array([self.point(name, arguments[name]) for name in self.arguments], np.int64)
        room = aligned(self.scratch_bytes)
        for task in range(self.tasks):
            self.function(table.ctypes.data, task, room.ctypes.data)

    def point(self, argument: str, target: NDArray[Any] | int) -> int:
        """The address that `target` means for this argument: an array of the declared type, or an address
        already.
        """
        if argument not in self.arguments:
            raise ValueError(
                f"kernel {self.name} has no argument {argument!r}; it has {', '.join(self.arguments)}"
            )
        if isinstance(target, int):
            return target
        wanted = self.arguments[argument].array
        if target.dtype.name != wanted:
            raise ValueError(
                f"argument {argument} of kernel {self.name} is {wanted}, not {target.dtype.name}"
            )
        return int(target.ctypes.data)


def forget(kernels: Sequence[Kernel]) -> None:
    """Let go of the texts of kernels that have been built, tens of megabytes in a plan; glibc would keep the
    room for later texts.
    """
    for kernel in kernels:
        kernel.forget()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


def build(kernels: Sequence[Kernel], progress: Callable[[int, int], None] | None = None) -> list[Compiled]:
    """Machine code for every kernel, from memory, from the disk or compiled; equal kernels share it.

    `progress(done, total)` is called from this thread as kernels become ready.
    """
    return [Compiled(kernel, code) for kernel, code in zip(kernels, load(kernels, progress), strict=True)]


def load(sources: Sequence[Source], progress: Callable[[int, int], None] | None = None) -> list[Code]:
    """Code for every source, as `build` does, for what is not a kernel."""
    import concurrent.futures

    known: dict[int, str] = {}  # a plan has many kernels twice
    keys = [known.get(id(source)) or known.setdefault(id(source), _key(source)) for source in sources]
    ready = {key: code for key in keys if (code := _loaded.get(key)) is not None}
    missing = {key: source for key, source in zip(keys, sources, strict=True) if key not in ready}
    done = len(sources) - len(missing)
    _initialise()
    pool = concurrent.futures.ThreadPoolExecutor(max(1, min(cores(), len(missing))))
    try:
        futures = {pool.submit(_make, key, source): key for key, source in missing.items()}
        for future in concurrent.futures.as_completed(futures):
            key = futures[future]
            ready[key] = _loaded[key] = future.result()
            done += 1
            if progress:
                progress(done, len(sources))
    finally:  # after Ctrl-C nobody waits, not even for what is being compiled, which may take seconds
        pool.shutdown(wait=False, cancel_futures=True)
    return [ready[key] for key in keys]


_loaded: weakref.WeakValueDictionary[str, Code] = weakref.WeakValueDictionary()
_numbers = itertools.count()


@functools.cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@functools.cache
def _linker() -> Any:
    """The one linker of the process. JITLink keeps the parts of an object together, so that near addresses
    always reach.
    """
    return llvm.create_lljit_compiler(use_jit_link=True)


def _key(source: Source) -> str:
    version = getattr(sys.modules["kitnet"], "__version__", "")
    llvm_version = ".".join(map(str, llvm.llvm_version_info))
    parts = (
        source.text, source.cpu.target, source.cpu.llvm_features, llvm.get_process_triple(),
        llvm_version, llvmlite.__version__, version, _PIPELINE,
    )  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _make(key: str, source: Source) -> Code:
    with _assembly:
        return _made(key, source)


def _made(key: str, source: Source) -> Code:
    folder = cache.folder()
    object_code = cache.read(folder, key) if folder else None
    if object_code is None:
        object_code = _assemble(source)
        if folder:
            cache.write(folder, key, object_code)
    return Code(source.name, object_code)


def _past_the_lock(name: str) -> Any:
    """A function of LLVM without llvmlite's lock; with it, should llvmlite one day wrap its functions
    otherwise.
    """
    function = getattr(ffi.lib, name)
    return getattr(function, "_cfn", function)


class _Assembly:
    """Counts the threads that make code, so that a process is not forked meanwhile: locks of LLVM and of the
    cache would stay locked in the child for ever.
    """

    def __init__(self) -> None:
        self._idle = threading.Condition()
        self._inside, self._held = 0, False
        self._llvmlite = getattr(ffi.lib, "_lock", contextlib.nullcontext())  # around all other calls of LLVM
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._wait, after_in_parent=self._go_on, after_in_child=self._begin_anew
            )

    def __enter__(self) -> None:
        with self._idle:
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._idle:
            self._inside -= 1
            self._idle.notify_all()

    def _wait(self) -> None:
        self._idle.acquire()
        while self._inside:
            self._idle.wait()
        self._llvmlite.__enter__()
        self._held = True

    def _go_on(self) -> None:
        if self._held:  # not where this was imported while the fork already waited for another lock
            self._held = False
            self._llvmlite.__exit__(None, None, None)
            self._idle.release()

    def _begin_anew(self) -> None:
        if self._held:
            self._llvmlite.__exit__(None, None, None)
        self._idle, self._inside, self._held = threading.Condition(), 0, False


_assembly = _Assembly()


def _assemble(source: Source) -> bytes:
    """An object file of the source."""
    with _optimised(source) as (machine, module):
        return _object_file(source.name, machine, module)


def object_code(source: Source) -> bytes:
    """An object file of the source, in the system's own format, position independent; not from the cache."""
    _initialise()
    with _assembly:
        return _assemble(source)


def assembly(source: Source) -> str:
    """The machine code of the source as text in the processor's assembly language."""
    _initialise()
    with _assembly, _optimised(source) as (machine, module):
        return str(machine.emit_assembly(module))


@contextlib.contextmanager
def _optimised(source: Source) -> Iterator[tuple[Any, Any]]:
    """LLVM's machine, and the source as a module that all passes went over."""
    triple = llvm.get_process_triple()
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=source.cpu.target, features=source.cpu.llvm_features, opt=3, reloc="pic", codemodel="small"
    )
    # No vectorisers: kernels say themselves what is a vector, and the search for more only takes time.
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = False
    # Closed in this order, whatever happens: LLVM crashes on a module that outlives its context.
    with llvm.create_context() as context:
        try:
            module = llvm.parse_assembly(source.text, context)
        except RuntimeError as error:
            raise RuntimeError(f"kernel {source.name} is not LLVM IR: {error}") from None
        with module:
            module.triple, module.data_layout = triple, str(machine.target_data)
            try:
                module.verify()
            except RuntimeError as error:
                raise RuntimeError(f"kernel {source.name} is not valid: {error}") from None
            with (
                llvm.create_pass_builder(machine, options) as builder,
                builder.getModulePassManager() as passes,
            ):
                _past_the_lock("LLVMPY_RunNewModulePassManager")(passes, module, builder)
            yield machine, module


def _object_file(name: str, machine: Any, module: Any) -> bytes:
    with ffi.OutputString() as reason:
        buffer = _past_the_lock("LLVMPY_TargetMachineEmitToMemory")(machine, module, 1, reason)
        if not buffer:
            raise RuntimeError(f"kernel {name} cannot be assembled: {reason}")
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)
