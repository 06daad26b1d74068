"""What the tests of the command line share: a command, a folder to work in, and one small run."""

from pathlib import Path

import pytest

from tests.cli.run_command import TINY, Command


@pytest.fixture
def lmcore(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line."""
    return Command(capsys)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a tiny configuration and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LMLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def quick_jobs(warm: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs of an ablation begin with their libraries loaded."""
    monkeypatch.setattr("lmcore.process.ablation.jobs.lmcore_command", lambda *arguments: [*warm, *arguments])
