"""The published data sets: where they lie, what their files are, and how they come to the user's cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kitnet.base.cache_folder import cache_folder
from kitnet.base.error import DataError
from kitnet.data.cifar import CIFAR
from kitnet.data.idx_folder import FILES
from kitnet.data.place import place


@dataclass(frozen=True)
class Published:
    """A data set of gzipped idx files: classes, the SHA-256 of each of `FILES`, folders to try in order."""

    classes: tuple[str, ...]
    sha256: tuple[str, str, str, str]
    mirrors: tuple[str, ...]


PUBLISHED = {
    # LeCun, Cortes & Burges, 1998
    "mnist": Published(
        classes=tuple("0123456789"),
        sha256=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
    ),
    # Xiao, Rasul & Vollgraf, 2017
    "fashion-mnist": Published(
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        sha256=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        ),
    ),
    # Clanuwat et al., 2018; the hashes are those of TensorFlow Datasets
    "kmnist": Published(
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        sha256=(
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
        mirrors=(
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
        ),
    ),
}


def download(name: str) -> Path:
    """The folder in the cache with the four files of the data set `name`, each fetched unless it is there.

    The cache is the folder `data` in `cache_folder()`. The SHA-256 of a file is checked every time. Raises
    DataError when no mirror gives a file, or the cache cannot be written.
    """
    published = PUBLISHED[name]
    with place(name):
        folder = _folder(name, "the four files of the set")
        for file, sha256 in zip(FILES, published.sha256, strict=True):
            _fetch(f"{file}.gz", sha256, published.mirrors, folder, "the four files of the set")
    return folder


def download_cifar(name: str) -> Path:
    """The archive of `cifar10` or `cifar100` in the cache, fetched unless it is there. Raises DataError."""
    kind = CIFAR[name]
    archive = kind.binary.archive
    with place(name):
        folder = _folder(name, archive)
        _fetch(archive, kind.sha256, kind.mirrors, folder, archive)
    return folder / archive


def _folder(name: str, files: str) -> Path:
    """The folder of a set in the cache, made."""
    cache = cache_folder()
    if cache is None:
        raise DataError(
            "there is no home directory to keep the files in; name a folder in KITNET_CACHE, "
            f"or one with {files} with --data-dir"
        )
    folder = cache / "data" / name
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)  # compiled kernels will lie there too
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the cache folder {folder} cannot be made ({error.strerror}); name another in KITNET_CACHE"
        ) from None
    return folder


def _fetch(file: str, sha256: str, mirrors: tuple[str, ...], folder: Path, files: str) -> None:
    import pooch

    failures = []
    for mirror in mirrors:
        try:
            # pooch writes beside the file and moves it into its place only when the hash is right
            pooch.retrieve(f"{mirror}/{file}", f"sha256:{sha256}", fname=file, path=folder)
            return
        except (OSError, ValueError) as error:
            address = urlsplit(mirror)
            failures.append(f"{address.scheme}://{address.netloc} ({_why(error)})")
    raise DataError(
        f"{file} could not be downloaded from {', '.join(failures)}; "
        f"get {files} another way and name the folder with --data-dir"
    )


def _why(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return "another SHA-256"
    response = getattr(error, "response", None)  # requests' errors are OSErrors, and may carry an answer
    if response is not None:
        return f"status {response.status_code}"
    return error.strerror or "no connection"
