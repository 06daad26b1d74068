"""Named texts from the network: fetched once, checked against their digest, and kept in the cache."""

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lmcore.data.errors import DataError

TIMEOUT_SECONDS = 30.0
BLOCK_BYTES = 1 << 16


@dataclass(frozen=True)
class Download:
    """A text with a known place, length and digest."""

    url: str
    sha256: str
    size: int


DOWNLOADS = {
    "tiny-shakespeare": Download(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        1_115_394,
    )
}


def download(name: str, folder: Path, on_progress: Callable[[str, float | None], None]) -> Path:
    """The file of a named text, fetched into `folder` unless an intact copy is there already.

    What arrives is written beside its place and moved there only when its digest is right, so that a failed or tampered
    download leaves nothing behind. Raises DataError, which says how to fetch it by hand.
    """
    if name not in DOWNLOADS:
        raise DataError(f"there is no download named {name!r}; known: {', '.join(DOWNLOADS)}")
    wanted = DOWNLOADS[name]
    path = folder / f"{name}.txt"
    if _is_intact(path, wanted):
        return path
    by_hand = (
        f"Fetch it by hand (for example: curl -L -o {name}.txt {wanted.url}) and use it with dataset.source: file and "
        f"dataset.path: {name}.txt"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}-", dir=folder)
    except OSError as error:
        raise DataError(
            f"the cache folder {folder} cannot be written: {error.strerror or error}. "
            "Set the environment variable LMLAB_CACHE to a folder that can"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            digest = _fetch(name, wanted, file.write, on_progress)
            file.flush()
            os.fsync(file.fileno())
        if digest != wanted.sha256:
            raise DataError(
                f"what {wanted.url} sent is not {name}: its SHA-256 is {digest}, but should be {wanted.sha256}. "
                f"Nothing was kept. {by_hand}"
            )
        Path(temporary).replace(path)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"{name} could not be downloaded from {wanted.url}: {_why(error)}. {by_hand}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def _fetch(
    name: str, wanted: Download, write: Callable[[bytes], int], on_progress: Callable[[str, float | None], None]
) -> str:
    """Stream a text into `write`, no more than its known length and one byte, and return the digest of what came."""
    digest, received = hashlib.sha256(), 0
    on_progress(f"downloading {name}", 0.0)
    request = urllib.request.Request(wanted.url, headers={"User-Agent": "lmlab"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        while received <= wanted.size and (block := response.read(min(BLOCK_BYTES, wanted.size + 1 - received))):
            digest.update(block)
            write(block)
            received += len(block)
            on_progress(f"downloading {name}", min(1.0, received / wanted.size))
    return digest.hexdigest()


def _why(error: OSError | http.client.HTTPException) -> str:
    """What went wrong, without the wrapping that a URLError puts around it."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # it holds the connection
        return f"the server answered {error.code} {error.reason}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause) or type(cause).__name__


def _is_intact(path: Path, wanted: Download) -> bool:
    """Whether a file has the length and the digest that it should have."""
    try:
        if path.stat().st_size != wanted.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256
    except OSError:
        return False
