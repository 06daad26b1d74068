"""What all tests share: one thread each, folders of their own, and examples that are the same on every day."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_WISHES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "LMLAB_CACHE", "LMLAB_DATA", "LMLAB_STATE")
for _name in _WISHES:
    os.environ.pop(_name, None)
os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded, by children too: the workers share the cores already

from hypothesis import settings  # noqa: E402
from hypothesis.internal.conjecture import providers  # noqa: E402

from lmcore.config.cores import available_cores  # noqa: E402
from tests.warm import warm_server  # noqa: E402

settings.register_profile("same", derandomize=True, database=None, deadline=None, print_blob=True)
settings.register_profile("fuzz", derandomize=False, database=None, deadline=None, print_blob=True)
settings.load_profile("same")
gc.set_threshold(100_000, 20, 20)  # screens are made and left in hundreds: a search for garbage costs more than it
MOST_WORKERS = 8
"""Each worker holds a torch of its own (about 400 MB)."""


def pytest_configure(config: pytest.Config) -> None:
    """Leave out the constants that Hypothesis finds in the modules loaded so far: they depend on the tests before."""
    if config.getoption("--hypothesis-profile") != "fuzz" and hasattr(providers, "_get_local_constants"):
        nothing = providers.Constants()
        providers._get_local_constants = lambda: nothing


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many workers as there are cores."""
    return min(available_cores(), MOST_WORKERS)


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the person who runs the tests has, and what an earlier run of them left, out of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "DATA", "STATE", "CONFIG"):
            patch.setenv(f"XDG_{name}_HOME", str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_power_is_cut() -> Iterator[None]:
    """Let nothing wait for the disk: what the system has taken outlives a process that is killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def warm() -> Iterator[list[str]]:
    """The words that begin a command line of `lmcore` whose process has its libraries loaded already."""
    with warm_server() as begin:
        yield begin


@pytest.fixture
def runs_folder(tmp_path: Path) -> Path:
    """A runs folder that is not there yet."""
    return tmp_path / "runs"
