"""Tests of experiments keep their tokens in a cache of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def runs_folder(tmp_path: Path) -> Path:
    """An empty runs folder."""
    return tmp_path / "runs"
