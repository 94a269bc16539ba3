import gzip
import hashlib
import http.server
import logging
import threading

import pooch
import pytest

from kitnet.base.error import DataError
from kitnet.data import load, write_idx
from kitnet.data.download import PUBLISHED, Published, download
from kitnet.data.idx_folder import FILES


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A server on this machine whose folders are mirrors, an own cache, and the paths that were asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=tmp_path / "www")

        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *arguments):
            """Says nothing; the requests are in `asked`."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("KITNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    pooch.get_logger().setLevel(logging.WARNING)
    host = f"http://127.0.0.1:{server.server_port}"
    yield (
        tmp_path,
        host,
        asked,
        lambda mirrors: monkeypatch.setitem(PUBLISHED, "mnist", publish(tmp_path, mirrors)),
    )
    server.shutdown()
    thread.join()
    server.server_close()
    pooch.get_logger().setLevel(logging.INFO)


def publish(tmp_path, mirrors):
    """The digits under the names of MNIST: whole in www/good, each file longer by one byte in www/wrong."""
    train, _, test = load("digits")
    hashes = []
    for folder in ("good", "wrong"):
        (tmp_path / "www" / folder).mkdir(parents=True, exist_ok=True)
    arrays = (train.images[..., 0], train.labels.astype("u1"), test.images[..., 0], test.labels.astype("u1"))
    for name, array in zip(FILES, arrays, strict=True):
        file = tmp_path / "www" / "good" / f"{name}.gz"
        write_idx(file, array)
        (tmp_path / "www" / "wrong" / file.name).write_bytes(file.read_bytes() + b"!")
        hashes.append(hashlib.sha256(file.read_bytes()).hexdigest())
    return Published(tuple("0123456789"), tuple(hashes), tuple(mirrors))


def refusal():
    with pytest.raises(DataError) as caught:
        load("mnist")
    assert caught.value.__suppress_context__
    return str(caught.value)


def test_mirrors_are_tried_until_one_has_the_right_file(world):
    tmp_path, host, asked, publish_at = world
    publish_at([f"{host}/none", f"{host}/wrong", f"{host}/good", f"{host}/never"])
    train, _, test = load("mnist")
    assert (len(train), len(test)) == (1437, 360)
    assert asked == [f"/{mirror}/{name}.gz" for name in FILES for mirror in ("none", "wrong", "good")]
    folder = tmp_path / "cache" / "data" / "mnist"
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.gz" for name in FILES)
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_what_lies_in_the_cache_is_not_fetched_again_unless_it_is_damaged(world):
    _, host, asked, publish_at = world
    publish_at([f"{host}/good"])
    folder = download("mnist")
    asked.clear()
    assert download("mnist") == folder and asked == []
    (folder / f"{FILES[2]}.gz").write_bytes(gzip.compress(b""))
    load("mnist")
    assert asked == [f"/good/{FILES[2]}.gz"]


def test_no_mirror_has_it(world):
    tmp_path, host, _, publish_at = world
    publish_at([f"{host}/none", f"{host}/wrong", "http://127.0.0.1:1/closed"])
    assert refusal() == (
        f"mnist: train-images-idx3-ubyte.gz could not be downloaded from {host} (status 404), "
        f"{host} (another SHA-256), http://127.0.0.1:1 (no connection); "
        "get the four files of the set another way and name the folder with --data-dir"
    )
    assert list((tmp_path / "cache" / "data" / "mnist").iterdir()) == []


def test_a_cache_that_cannot_be_made(world):
    tmp_path, host, asked, publish_at = world
    publish_at([f"{host}/good"])
    (tmp_path / "cache").write_text("a file")
    assert refusal() == (
        f"mnist: the cache folder {tmp_path}/cache/data/mnist cannot be made (File exists); "
        "name another in KITNET_CACHE"
    )
    assert asked == []


def test_without_a_home_directory_there_is_no_cache(monkeypatch):
    monkeypatch.setattr("kitnet.data.download.cache_folder", lambda: None)
    assert refusal() == (
        "mnist: there is no home directory to keep the files in; name a folder in KITNET_CACHE, "
        "or one with the four files of the set with --data-dir"
    )


def test_the_published_sets():
    for published in PUBLISHED.values():
        assert len(published.classes) == 10 and len(published.mirrors) > 1
        assert all(not mirror.endswith("/") for mirror in published.mirrors)
        assert all(len(bytes.fromhex(sha256)) == 32 for sha256 in published.sha256)
    hashes = [sha256 for published in PUBLISHED.values() for sha256 in published.sha256]
    assert len(set(hashes)) == 12
