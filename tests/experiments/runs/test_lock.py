"""One writer at a time, and none that is gone: the kernel knows."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lmcore.experiments.runs import lock as room
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.lock import RunLock, check_free, holder_of, is_locked, start_of

ACQUIRE = "import sys; from pathlib import Path; from lmcore.experiments.runs.lock import RunLock; "
HOLD = ACQUIRE + "RunLock(Path(sys.argv[1])).acquire(); print('held', flush=True); sys.stdin.read()"
NOT_HERE = {"pid": 1, "host": socket.gethostname() + "-other", "started": "", "since": "today"}


def hold(folder: Path) -> "subprocess.Popen[str]":
    """A process that holds the lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def say(folder: Path, **facts: Any) -> None:
    """Let a lock file say something else than it does."""
    content = json.loads((folder / "lock.json").read_text())
    (folder / "lock.json").write_text(json.dumps({**content, **facts}))


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, such as some network file systems are."""
    monkeypatch.setattr(room, "_lock", lambda file, exclusive: None)


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    process = hold(tmp_path)
    try:
        assert is_locked(tmp_path)
        with pytest.raises(RunError, match=f"is being written by process {process.pid} since .*; stop it there first"):
            RunLock(tmp_path).acquire()
    finally:
        process.kill()
        process.wait()
    assert not is_locked(tmp_path), "the kernel frees the lock of a killed process at once"
    lock = RunLock(tmp_path)
    lock.acquire()
    assert holder_of(tmp_path).pid == os.getpid()  # type: ignore[union-attr]
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_one_process_does_not_hold_it_twice(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    first.acquire()
    with pytest.raises(RunError, match="written by this process"):
        second.acquire()
    second.release()
    assert is_locked(tmp_path)
    first.release()
    second.acquire()
    assert second.is_held
    assert not first.is_held


@pytest.mark.parametrize(
    ("facts", "who"),
    [
        ({"pid": 2**22 + 7, "namespace": "pid:[1]"}, "in another container of this machine"),
        ({"pid": 2**22 + 7}, f"process {2**22 + 7}"),
        ({"host": "elsewhere", "boot": "another"}, "on the machine elsewhere"),
    ],
)
def test_a_writer_whose_process_cannot_be_seen_is_respected(tmp_path: Path, facts: dict[str, Any], who: str) -> None:
    """As another container with the same host name sees it: no process has the number, and the lock is held."""
    lock = RunLock(tmp_path)
    lock.acquire()
    say(tmp_path, **facts)
    assert is_locked(tmp_path)
    for ask in (RunLock(tmp_path).acquire, lambda: check_free(tmp_path)):
        with pytest.raises(RunError, match=f"{who} since .*; stop it there first"):
            ask()
    assert json.loads((tmp_path / "lock.json").read_text())["pid"] == facts.get("pid", os.getpid())


@pytest.mark.parametrize("facts", [{}, {"host": "a-container-that-is-gone", "namespace": "pid:[1]"}])
def test_a_lock_that_nobody_holds_is_free_whatever_it_says(tmp_path: Path, facts: dict[str, Any]) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    content = {**json.loads((tmp_path / "lock.json").read_text()), **facts}
    lock.release()
    (tmp_path / "lock.json").write_text(json.dumps(content))
    assert not is_locked(tmp_path)
    check_free(tmp_path)
    RunLock(tmp_path).acquire()


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("elsewhere", [{"namespace": "pid:[1]"}, {"boot": "another"}, {"host": "other"}])
def test_without_locks_a_process_that_cannot_be_asked_counts_as_alive(
    tmp_path: Path, elsewhere: dict[str, Any]
) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    with pytest.raises(RunError, match="written by this process"):
        RunLock(tmp_path).acquire()
    say(tmp_path, **elsewhere)
    for ask in (RunLock(tmp_path).acquire, lambda: check_free(tmp_path)):
        with pytest.raises(RunError, match=r"has no locks, so it cannot be known .* delete .*lock\.json and try again"):
            ask()
    (tmp_path / "lock.json").unlink()
    RunLock(tmp_path).acquire()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_later_process_with_the_same_number_does_not_hold_it(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    assert is_locked(tmp_path)
    say(tmp_path, started="long ago")
    assert not is_locked(tmp_path)
    RunLock(tmp_path).acquire()
    assert is_locked(tmp_path)


def test_a_lock_of_an_earlier_version_is_respected_while_its_process_may_live(tmp_path: Path) -> None:
    holder = {**NOT_HERE, "token": "x"}
    (tmp_path / "lock.json").write_text(json.dumps(holder))
    with pytest.raises(RunError, match=r"on the machine .*-other since today.* delete .*lock\.json"):
        RunLock(tmp_path).acquire()
    here = {**holder, "host": socket.gethostname(), "pid": os.getpid(), "started": start_of(os.getpid())}
    (tmp_path / "lock.json").write_text(json.dumps(here))
    assert is_locked(tmp_path)
    (tmp_path / "lock.json").write_text(json.dumps({**here, "started": f"{here['started']}0"}))
    assert not is_locked(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": -1, "host": "h"}', "null", "[" * 50_000])
def test_a_damaged_lock_holds_nobody_off(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock.json").write_text(content)
    assert not is_locked(tmp_path)
    lock = RunLock(tmp_path)
    lock.acquire()
    assert is_locked(tmp_path)


def test_a_lock_file_that_was_replaced_is_not_the_one_that_is_locked(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    first.check()
    (tmp_path / "lock.json").unlink()
    second.acquire()
    with pytest.raises(RunError, match=r"not the file any more .* another process may write"):
        first.check()
    first.release()
    second.check()
    assert is_locked(tmp_path), "the lock has another owner by now"


def test_a_file_that_is_removed_while_it_is_locked_is_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writers on two files of one name: each would have a lock of its own."""
    (tmp_path / "lock.json").write_text("")
    ask, removed = room._lock, list[bool]()

    def lock(file: Any, exclusive: bool) -> bool | None:
        if not removed:
            removed.append(True)
            (tmp_path / "lock.json").unlink()
        return ask(file, exclusive)

    monkeypatch.setattr(room, "_lock", lock)
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    first.check()
    with pytest.raises(RunError, match="this process"):
        second.acquire()


def test_asking_whether_a_run_is_written_does_not_hold_a_writer_off(tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_text("")
    with (tmp_path / "lock.json").open("rb") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        released = list[bool]()

        def wait(_: float) -> None:
            released.append(True)
            fcntl.flock(asking, fcntl.LOCK_UN)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(room.time, "sleep", wait)
            RunLock(tmp_path).acquire()
        assert released


def test_a_child_process_does_not_take_the_lock_along(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, text=True, close_fds=False
    )
    end, alive = os.pipe()
    forked = os.fork()
    if forked == 0:
        try:
            os.close(alive)
            os.read(end, 1)
        finally:
            os._exit(0)
    try:
        assert lock.is_held
        assert is_locked(tmp_path)
        lock.release()
        RunLock(tmp_path).acquire()
    finally:
        child.kill()
        child.wait()
        os.close(alive)
        os.waitpid(forked, 0)
        os.close(end)


def test_of_many_that_try_at_once_one_gets_it(tmp_path: Path) -> None:
    script = ACQUIRE + (
        "lock = RunLock(Path(sys.argv[1])); sys.stdin.readline()\n"
        "try: lock.acquire(); print('held', flush=True)\n"
        "except ValueError: print('refused', flush=True)\n"
        "sys.stdin.readline()"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = sorted(process.stdout.readline().strip() for process in processes if process.stdout is not None)
    for process in processes:
        process.communicate("end\n")
    assert answers == ["held"] + ["refused"] * 3
