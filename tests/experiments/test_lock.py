"""One writer at a time, and none that is gone."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lmcore.experiments.folder import RunError
from lmcore.experiments.lock import RunLock, holder_of, is_locked, start_of

ACQUIRE = "import sys; from pathlib import Path; from lmcore.experiments.lock import RunLock; "
HOLD = ACQUIRE + "RunLock(Path(sys.argv[1])).acquire(); print('held', flush=True); sys.stdin.read()"


def hold(folder: Path) -> "subprocess.Popen[str]":
    """A process that holds the lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    process = hold(tmp_path)
    try:
        assert is_locked(tmp_path)
        with pytest.raises(RunError, match=f"is being written by process {process.pid} since .*; stop it there first"):
            RunLock(tmp_path).acquire()
    finally:
        process.kill()
        # Not waited for yet: a process that is dead but not buried holds nothing either.
        while start_of(process.pid) is not None:
            pass
        assert not is_locked(tmp_path)
        process.communicate()
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


def test_a_later_process_with_the_same_number_does_not_hold_it(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    content = json.loads((tmp_path / "lock.json").read_text())
    (tmp_path / "lock.json").write_text(json.dumps({**content, "started": "long ago"}))
    assert not is_locked(tmp_path)
    RunLock(tmp_path).acquire()
    assert is_locked(tmp_path)
    lock.release()
    assert is_locked(tmp_path), "the lock has another owner by now"


def test_a_process_of_another_machine_counts_as_alive(tmp_path: Path) -> None:
    holder = {"pid": 1, "host": socket.gethostname() + "-other", "started": "", "token": "x", "since": "today"}
    (tmp_path / "lock.json").write_text(json.dumps(holder))
    with pytest.raises(
        RunError, match=r"on the machine .*-other since today. If that process is gone, delete .*lock.json"
    ):
        RunLock(tmp_path).acquire()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": -1, "host": "h"}', "null"])
def test_a_damaged_lock_holds_nobody_off(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock.json").write_text(content)
    assert not is_locked(tmp_path)
    lock = RunLock(tmp_path)
    lock.acquire()
    assert is_locked(tmp_path)


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
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = sorted(process.stdout.readline().strip() for process in processes if process.stdout is not None)
    for process in processes:
        process.communicate("end\n")
    assert answers == ["held"] + ["refused"] * 5
