"""Own files are watched where the person edits them, and what is not the person's own edit is asked about."""

import os
from pathlib import Path

import pytest

from lmcore.experiments.identity.consent import ConsentNeeded, agree, agreed_digests
from lmcore.experiments.identity.own_code import OwnCode, read_own_file
from lmcore.process.core.own_files import FileWatch
from lmcore.protocol.messages import Agree, ConsentWanted, Load, Start, StateChanged, Step, Stop, ValueChanged
from tests.process.core.test_core import config
from tests.process.core.test_hooks_core import OWN, USING
from tests.process.core.test_hooks_core import save as edit
from tests.process.in_process import record


@pytest.fixture(autouse=True)
def _nothing_agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def own(tmp_path: Path) -> OwnCode:
    """A run that uses one file."""
    (tmp_path / "mine.py").write_text("a = 1\n")
    return OwnCode({"mine.py": read_own_file(tmp_path / "mine.py")}, tmp_path)


def save(own: OwnCode, text: str) -> None:
    """Write the original, with a time of its own even where the clock is coarse."""
    assert own.folder is not None
    path = own.folder / "mine.py"
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.mark.parametrize("just_read", [True, False])
def test_a_save_is_told_until_it_is_used(own: OwnCode, just_read: bool) -> None:
    watch = FileWatch(own, just_read, is_named=True)
    assert watch.edited() is None and watch.notes == ()
    save(own, "a = 2\n")
    for _ in range(2):
        edited = watch.edited()
        assert edited is not None and edited.text == "a = 2\n"
    assert edited.digest in agreed_digests()
    own.files["mine.py"] = edited
    assert watch.edited() is None
    save(own, "a = 2\n")
    assert watch.edited() is None


def test_what_was_saved_while_the_run_was_made_is_noticed(own: OwnCode) -> None:
    save(own, "a = 2\n")
    edited = FileWatch(own, just_read=True, is_named=True).edited()
    assert edited is not None and edited.text == "a = 2\n"


def test_a_broken_save_that_is_taken_back_is_no_edit(own: OwnCode) -> None:
    watch = FileWatch(own, just_read=True, is_named=True)
    watch.edited()
    save(own, "a = (\n")
    assert watch.edited() is not None
    save(own, "a = 1\n")
    assert watch.edited() is None


def test_a_file_that_is_gone_or_moved_is_no_edit(own: OwnCode, tmp_path: Path) -> None:
    watch = FileWatch(own, just_read=False, is_named=True)
    (tmp_path / "mine.py").unlink()
    assert watch.edited() is None
    assert FileWatch(own, just_read=False, is_named=True).notes == ()
    save(own, "a = 3\n")
    assert watch.edited() is not None


def test_an_original_that_was_another_is_said_and_asked_about(own: OwnCode) -> None:
    save(own, "a = 5\n")
    watch = FileWatch(own, just_read=False, is_named=True)
    assert "not the version that this run uses" in watch.notes[0]
    assert watch.edited() is None
    save(own, "a = 6\n")
    with pytest.raises(ConsentNeeded) as needed:
        watch.edited()
    agree([file.digest for file in needed.value.files])
    edited = watch.edited()
    assert edited is not None and edited.text == "a = 6\n"


def test_a_file_that_the_run_begins_to_use_is_watched_from_then(own: OwnCode, tmp_path: Path) -> None:
    watch = FileWatch(own, just_read=True, is_named=True)
    (tmp_path / "more.py").write_text("b = 1\n")
    own.files["more.py"] = read_own_file(tmp_path / "more.py")
    assert watch.edited() is None
    (tmp_path / "more.py").write_text("b = 22\n")
    edited = watch.edited()
    assert edited is not None and edited.name == "more.py"


def test_a_folder_that_only_a_run_names_is_followed_nowhere_unasked(own: OwnCode) -> None:
    """What lies there may be a stranger's, however often an earlier version was agreed to."""
    watch = FileWatch(own, just_read=False, is_named=False)
    agree([own.files["mine.py"].digest])
    for text in ("a = 2\n", "a = 3\n"):
        save(own, text)
        with pytest.raises(ConsentNeeded) as needed:
            watch.edited()
        assert needed.value.files[0].text == text
        agree([needed.value.files[0].digest])
        edited = watch.edited()
        assert edited is not None and edited.text == text
        own.files["mine.py"] = edited
        assert watch.edited() is None


def test_edits_are_followed_in_the_session_that_named_their_folder_and_asked_about_in_another(tmp_path: Path) -> None:
    mine, runs = tmp_path / "configs/my_hooks.py", tmp_path / "runs"
    mine.parent.mkdir()
    mine.write_text(OWN)
    start = Start(config(runs).split("hooks:")[0] + f"hooks: {USING}\n", config_folder=str(mine.parent), paused=True)
    agree([read_own_file(mine).digest])
    _, told = record(runs, start, Step(1), (1, lambda: edit(mine, "0.5", "0.25")), Step(1), Stop())
    assert any(isinstance(event, ValueChanged) and event.key == "code.my_hooks.py" for event in told)
    assert not any(isinstance(event, ConsentWanted) for event in told)

    run = next(event.run for event in told if isinstance(event, StateChanged) and event.run)
    agreed = agreed_digests()
    _, told = record(runs, Load(run.folder), (2, lambda: edit(mine, "0.25", "0.125")), Step(1))
    (wanted,) = [event for event in told if isinstance(event, ConsentWanted)]
    assert "0.125" in wanted.files[0].text and agreed_digests() == agreed
    assert not any(isinstance(event, ValueChanged) for event in told)
    _, told = record(
        runs, Load(run.folder), Agree((wanted.files[0].digest,)), (2, lambda: edit(mine, "=", " = ")), Step(1)
    )
    assert any(isinstance(event, ConsentWanted) for event in told)  # of this version in its turn
