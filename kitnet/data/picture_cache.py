"""What is known of the files of a data set, and their pixels, kept from one start to the next.

A file is read whole and decoded once: then its size and the time of its change tell that it is the same. The
cache is one file a data set, in `cache_folder()`:

    pixels      of all pictures, one behind the other, as long as they are few enough
    index       JSON: of each file what `Known` says
    end         the name of this format, the length of the index, and its SHA-256

The index is believed when its digest is right, and a picture when its own CRC-32 is; otherwise the file of
the picture is decoded, as it is where a cache cannot be written.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from kitnet.base.cache_folder import cache_folder
from kitnet.base.error import DataError, RunError
from kitnet.base.spec import Array
from kitnet.data.image import open_image
from kitnet.data.place import place
from kitnet.files import writing

FORMAT = b"kitnet pictures 1\n"
END = len(FORMAT) + 8 + 32
MOST_KEPT = 4 << 30  # bytes of the pixels of a data set; of larger ones none are kept
MOST_BYTES = 1 << 30  # of a file
SAID = 64 << 20  # bytes of a cache, from which on it is told
AT_ONCE = 64  # files that a thread looks at before it takes the next ones


# hears how many files are looked at, of how many
_hearing: ContextVar[Callable[[int, int], None] | None] = ContextVar("hearing", default=None)


@contextmanager
def heard_by(progress: Callable[[int, int], None]) -> Iterator[None]:
    """Whatever looks at files meanwhile tells `progress` how many are done, of how many: decoding all
    pictures of a large data set for the first time takes minutes."""
    before = _hearing.set(progress)
    try:
        yield
    finally:
        _hearing.reset(before)


class Known(NamedTuple):
    """A file: its size, the time of its change in nanoseconds, BLAKE2 of its bytes, the shape of its picture,
    the CRC-32 of the pixels and where they begin in the cache (-1: nowhere), or why it is broken."""

    size: int
    time: int
    digest: str
    shape: tuple[int, ...] = ()
    check: int = 0
    start: int = -1
    broken: str = ""


@dataclass
class Pictures:
    """The files of a data set by their paths, and the pixels that are kept."""

    known: dict[str, Known]
    pixels: Array
    megapixels: float
    remark: str = ""  # what a person should know of the cache

    def read(self, path: Path, known: Known) -> Array:
        """A picture, uint8 (h,w,c). Raises DataError for a file that has changed since."""
        kept = self._kept(known)
        if kept is not None:
            return kept
        image = open_image(path, self.megapixels)
        if image.shape != known.shape:
            with place(path):
                raise DataError("it has changed since it was looked at; start anew")
        return image

    def _kept(self, known: Known) -> Array | None:
        if known.start < 0:
            return None
        kept = self.pixels[known.start : known.start + math.prod(known.shape)]
        if len(kept) < math.prod(known.shape) or zlib.crc32(kept.data) != known.check:
            return None
        return kept.reshape(known.shape)


def look_at(name: str, paths: Sequence[Path], megapixels: float) -> Pictures:
    """What is known of these files of the data set at the path `name`: those that are not in its cache, or
    have changed since, are decoded, and the cache is written anew."""
    cache = _cache_of(name)
    old = None if cache is None else _read(cache, megapixels)
    old = old or Pictures({}, np.zeros(0, np.uint8), megapixels)
    fresh = {str(path) for path in paths if _is_fresh(path, old.known.get(str(path)))}
    if len(fresh) == len(paths) == len(old.known):
        return old
    looked = _Looked(paths, fresh, old)
    try:
        if cache is None:
            raise RunError("there is no folder for caches; name one in KITNET_CACHE")
        cache.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # compiled kernels lie there too
        cache.parent.mkdir(exist_ok=True)
        with writing(cache) as file:
            known, size = looked.write(file, _room(cache.parent))
    except (RunError, OSError) as error:
        remark = f"pictures are decoded anew each time, since no cache can be written ({error})"
        return Pictures(looked.alone(), np.zeros(0, np.uint8), megapixels, remark)
    new = _read(cache, megapixels) or Pictures(known, np.zeros(0, np.uint8), megapixels)
    if size > SAID:
        new.remark = f"pictures were decoded once, into {cache} ({size / 2**20:,.0f} MiB)"
    return new


@dataclass
class _Looked:
    """Files that are looked at, but for those that are `fresh` in the old cache."""

    paths: Sequence[Path]
    fresh: set[str]
    old: Pictures

    def write(self, file: BinaryIO, room: int) -> tuple[dict[str, Known], int]:
        """Pixels, index and end; what is known, and the bytes written. Beyond `room` bytes of pixels none are
        kept."""
        known: dict[str, Known] = {}
        end = 0
        for path, found, image in self:
            known[path] = found._replace(start=-1)
            if image is None or end < 0:
                continue
            if end + image.nbytes > room:  # too many: without any
                end = -1
                file.seek(0)
                file.truncate()
                known = {each: one._replace(start=-1) for each, one in known.items()}
            else:
                pixels = np.ascontiguousarray(image).data
                known[path] = found._replace(start=end, check=zlib.crc32(pixels))
                end += file.write(pixels)
        told = {"megapixels": self.old.megapixels, "pillow": _pillow(), "files": known}
        index = json.dumps(told, ensure_ascii=True).encode()
        file.write(index + FORMAT + len(index).to_bytes(8, "little") + hashlib.sha256(index).digest())
        return known, file.tell()

    def alone(self) -> dict[str, Known]:
        """What is known, where nothing can be written."""
        return {path: found._replace(start=-1) for path, found, _ in self}

    def __iter__(self) -> Iterator[tuple[str, Known, Array | None]]:
        """Each file in order, with its picture unless it is broken, or known without its pixels."""
        hear, done = _hearing.get(), 0
        for some in self._in_turn():
            yield from some
            done += len(some)
            if hear is not None:
                hear(done, len(self.paths))

    def _in_turn(self) -> Iterator[list[tuple[str, Known, Array | None]]]:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            due: deque[Future[list[tuple[str, Known, Array | None]]]] = deque()
            for start in range(0, len(self.paths), AT_ONCE):
                due.append(pool.submit(self._some, self.paths[start : start + AT_ONCE]))
                if len(due) > 2 * (os.cpu_count() or 1):
                    yield due.popleft().result()
            while due:
                yield due.popleft().result()

    def _some(self, paths: Sequence[Path]) -> list[tuple[str, Known, Array | None]]:
        return [(str(path), *self._one(path)) for path in paths]

    def _one(self, path: Path) -> tuple[Known, Array | None]:
        known = self.old.known[str(path)] if str(path) in self.fresh else None
        if known is None:
            return _look(path, self.old.megapixels)
        return known, self.old._kept(known)


def _look(path: Path, megapixels: float) -> tuple[Known, Array | None]:
    """What a file is, and its picture unless it is broken."""
    size, time, digest = -1, -1, ""  # of a file that cannot be read: it is looked at anew each time
    try:
        with place(path):
            if path.is_file():
                with path.open("rb") as file:
                    told = os.fstat(file.fileno())
                    if told.st_size > MOST_BYTES:
                        raise DataError(f"it has more than {MOST_BYTES} bytes; make it smaller")
                    digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
                size, time = told.st_size, told.st_mtime_ns
        image = open_image(path, megapixels)
    except DataError as error:
        return Known(size, time, digest, broken=str(error)), None
    return Known(size, time, digest, image.shape), image


def _is_fresh(path: Path, known: Known | None) -> bool:
    """Whether a file is as it was."""
    if known is None:
        return False
    try:
        told = path.stat()
    except OSError:
        return False
    return (told.st_size, told.st_mtime_ns) == (known.size, known.time)


def _cache_of(name: str) -> Path | None:
    folder = cache_folder()
    if folder is None:
        return None
    whole = str(Path(name).absolute()).encode(errors="surrogateescape")
    return folder / "pictures" / f"{hashlib.blake2b(whole, digest_size=16).hexdigest()}.pictures"


def _read(cache: Path, megapixels: float) -> Pictures | None:
    """A cache; None where there is none, where it is damaged, and where its pictures were decoded under
    other conditions."""
    try:
        with cache.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - END))
            end = file.read(END)
            size = int.from_bytes(end[len(FORMAT) : -32], "little")
            if not end.startswith(FORMAT) or size > length - END:
                return None
            file.seek(length - END - size)
            index = file.read(size)
        if hashlib.sha256(index).digest() != end[-32:]:
            return None
        told = json.loads(index)
        if told["megapixels"] != megapixels or told["pillow"] != _pillow():
            return None
        known = {path: _known(values) for path, values in told["files"].items()}
        kept = length - END - size
        pixels = np.memmap(cache, np.uint8, "r", shape=(kept,)) if kept else np.zeros(0, np.uint8)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Pictures(known, np.asarray(pixels), megapixels)


def _known(values: Sequence[object]) -> Known:
    known = Known._make(values)
    return known._replace(shape=tuple(known.shape))


def _pillow() -> str:
    import PIL

    return PIL.__version__


def _room(folder: Path) -> int:
    """Bytes of pixels that may be kept: half of what is free on the disk at most."""
    return min(MOST_KEPT, shutil.disk_usage(folder).free // 2)
