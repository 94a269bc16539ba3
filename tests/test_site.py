"""The site is built without a network and without a warning, has every page, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import kitnet
from kitnet.cli import COMMANDS

ROOT = Path(__file__).parent.parent
OFFLINE = """
import socket, sys
from sphinx.cmd.build import main
def refused(*given, **named): raise OSError("a page asks for the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refused
sys.exit(main(sys.argv[1:]))
"""


class Page(HTMLParser):
    """What a page links to, what may be linked to in it, and what it fetches when it is opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        elif given.get("src") or (tag == "link" and given.get("href")):
            self.fetched.add(given.get("src") or given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="pip install 'kitnet[docs]'")
    pytest.importorskip("myst_parser", reason="pip install 'kitnet[docs]'")
    out = tmp_path_factory.mktemp("site")
    words = ("-W", "-q", "-E", "-d", str(out / "doctrees"), "-c", "docs", ".", str(out / "html"))
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return out / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


@pytest.mark.slow
def test_links_lead_to_pages_and_anchors(site: Path, pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link in page.links | page.fetched:
            to = urlsplit(link)
            if to.scheme:
                continue
            target = (path.parent / unquote(to.path)).resolve() if to.path else path
            if not target.is_file() or (to.fragment and unquote(to.fragment) not in pages[target].anchors):
                lost.append((path.relative_to(site).as_posix(), link))
    assert lost == []


@pytest.mark.slow
def test_pages_fetch_nothing_from_elsewhere(pages: dict[Path, Page]) -> None:
    fetched = {one for page in pages.values() for one in page.fetched if urlsplit(one).netloc}
    assert fetched == set()


@pytest.mark.slow
def test_every_command_and_name_is_there(pages: dict[Path, Page], site: Path) -> None:
    commands = pages[site / "docs/reference/commands.html"].anchors
    assert {f"kitnet-{name}" for name in COMMANDS} <= commands
    layers = (site / "docs/reference/python/layers.html").read_text("utf-8")
    assert all(f"<h2>{name}<" in layers for name in kitnet.layers.__all__)


@pytest.mark.slow
def test_every_page_of_the_tree_is_in_the_site(site: Path) -> None:
    there = {path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md")}
    assert {path.with_suffix(".html") for path in there} <= {
        path.relative_to(site) for path in site.rglob("*.html")
    }


@pytest.mark.slow
def test_nothing_that_a_page_asks_for_is_left(site: Path) -> None:
    left = [path for path in site.rglob("*.html") if re.search("<!-- made: ", path.read_text("utf-8"))]
    assert left == []
