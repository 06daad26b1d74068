import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lmcore.config.schema import DatasetConfig
from lmcore.data import download as module
from lmcore.data.dataset import prepare
from lmcore.data.download import DOWNLOADS, Download, download
from lmcore.data.errors import DataError

TEXT = b"First Citizen:\nBefore we proceed any further, hear me speak.\n\n" * 3000


class Shelf(BaseHTTPRequestHandler):
    """Serves the text whole, changed, cut short, endless, or not at all."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/absent":
            self.send_error(404)
            return
        body = {"/changed": TEXT.replace(b"hear", b"fear"), "/longer": TEXT + b"x" * 10_000_000}.get(self.path, TEXT)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body[:1000] if self.path == "/short" else body)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def offer(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Sets where tiny-shakespeare lies; gives the list of what was asked for."""
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 5.0)
    Shelf.asked.clear()
    for page in ("whole", "changed", "short", "longer", "absent"):
        monkeypatch.setitem(DOWNLOADS, page, Download(f"{address}/{page}", hashlib.sha256(TEXT).hexdigest(), len(TEXT)))
    yield Shelf.asked


def silent(what: str, fraction: float | None) -> None:
    pass


def test_a_text_is_fetched_once_with_its_progress(offer: list[str], tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    path = download("whole", tmp_path / "new", lambda *now: told.append(now))
    assert path.read_bytes() == TEXT
    assert told[0] == ("downloading whole", 0.0)
    assert told[-1] == ("downloading whole", 1.0)
    assert len(told) > 2
    assert download("whole", tmp_path / "new", silent) == path
    assert offer == ["/whole"]
    assert [file.name for file in path.parent.iterdir()] == ["whole.txt"]


def test_a_damaged_copy_is_fetched_again(offer: list[str], tmp_path: Path) -> None:
    (tmp_path / "whole.txt").write_bytes(TEXT[:-1] + b"?")
    assert download("whole", tmp_path, silent).read_bytes() == TEXT
    assert offer == ["/whole"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("changed", "is not changed: its SHA-256 is .* Nothing was kept"),
        ("short", "could not be downloaded|its SHA-256 is"),
        ("longer", "its SHA-256 is"),
        ("absent", "could not be downloaded from .*404"),
    ],
)
def test_a_failed_or_tampered_download_leaves_nothing_and_says_what_to_do(
    offer: list[str], tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        download(name, tmp_path, silent)
    assert "curl -L -o" in str(caught.value)
    assert "dataset.source: file" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_download_leaves_nothing(offer: list[str], tmp_path: Path) -> None:
    def interrupt(what: str, fraction: float | None) -> None:
        if fraction:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download("whole", tmp_path, interrupt)
    assert not list(tmp_path.iterdir())


def test_no_network_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = DOWNLOADS["tiny-shakespeare"]
    monkeypatch.setitem(DOWNLOADS, "tiny-shakespeare", Download("https://127.0.0.1:1/x", known.sha256, known.size))
    with pytest.raises(DataError, match="tiny-shakespeare could not be downloaded"):
        prepare(DatasetConfig(source="download"), cache_folder=tmp_path)
    assert not list((tmp_path / "downloads").iterdir())


def test_a_folder_that_cannot_be_written_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="LMLAB_CACHE"):
        download("tiny-shakespeare", tmp_path / "file" / "downloads", silent)
    with pytest.raises(DataError, match="known: tiny-shakespeare"):
        download("huge-shakespeare", tmp_path, silent)
