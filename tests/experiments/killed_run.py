"""Trains one tiny run twice, once left alone and once killed again and again, and prints what came of both as JSON.

Started by test_kill.py as a process of its own: every attempt is a fork of it, so that torch is loaded once. Attempts
are killed after a random time of work, before a random operation on files, or in the middle of a line or of a change.
"""

import hashlib
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.listing import read_run, summarize
from lmcore.experiments.runs.metrics import count_damaged, read_metrics
from lmcore.training.checkpoints import find_checkpoint
from tests.experiments.tiny import tiny

TEXT = tiny(
    training__max_steps=40,
    training__batch_size=4,
    evaluation__interval=4,
    checkpointing__interval=5,
    other__norms_interval=3,
)
CHANGES = {
    7: ("training.learning_rate", "4e-3"),
    16: ("training.weight_decay", "0.5"),
    17: ("evaluation.interval", "3"),
}
FILE_EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}


def die() -> None:
    """What a power cut, an out-of-memory killer or a person with `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_file_operation(number: int) -> None:
    """Be killed before the n-th operation on a file (reading one counts too)."""
    seen = 0

    def count(event: str, _: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in FILE_EVENTS:
            seen += 1
            if seen == number:
                die()

    sys.addaudithook(count)


def die_within_a_line(number: int) -> None:
    """Be killed when the n-th line of metrics is half written."""
    write, seen = os.write, 0

    def half(descriptor: int, content: bytes) -> int:
        nonlocal seen
        seen += 1
        if seen == number:
            write(descriptor, content[: len(content) // 2])
            die()
        return write(descriptor, content)

    os.write = half


def die_within_a_change(key: str) -> None:
    """Be killed when the line of the journal that changes a value has been written as far as the value's key."""
    write = os.write

    def up_to_the_key(descriptor: int, content: bytes) -> int:
        before, found, _ = content.partition(f'"{key}"'.encode())
        if found:
            write(descriptor, before + found)
            die()
        return write(descriptor, content)

    os.write = up_to_the_key


def die_after(seconds: float) -> None:
    """Be ended by the kernel, wherever it is then, after so many seconds of work: what others do does not count."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def train_to_the_end(folder: Path) -> None:
    """Go on from the last checkpoint; change values at their steps unless the journal has them."""
    experiment = Experiment.open(folder)
    while not experiment.finished:
        journal = folder / "journal.jsonl"
        # Whole lines alone: a change whose line was cut short by the kill was not made, and is made again.
        known = journal.read_text().rpartition("\n")[0] if journal.exists() else ""
        if experiment.step in CHANGES and CHANGES[experiment.step][0] not in known:
            experiment.set_value(*CHANGES[experiment.step])
        experiment.advance()
    experiment.close("finished")


def attempt(folder: Path, death: tuple[str, float | str]) -> int:
    """Train in a fork that meets its death; returns the signal, below zero, or 0 if it got through."""
    kind, when = death
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if kind == "operation":
                die_at_file_operation(int(when))
            if kind == "line":
                die_within_a_line(int(when))
            if kind == "change":
                die_within_a_change(str(when))
            if kind == "time":
                die_after(float(when))
            train_to_the_end(folder)
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def outcome(folder: Path) -> dict[str, Any]:
    """What a run left behind, as far as it does not depend on the clock."""
    rows, _ = read_metrics(folder / "metrics.jsonl")
    kept = [{k: v for k, v in row.items() if k != "seconds" and not k.startswith("throughput/")} for row in rows]
    checkpoint = find_checkpoint(folder)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return {
        "status": read_run(folder)["status"],
        "rows": kept,
        "damaged": count_damaged(folder / "metrics.jsonl"),
        "samples": (folder / "samples.jsonl").read_text(),
        "weights": hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest(),
        "optimizer": hashlib.sha256((checkpoint / "optimizer.safetensors").read_bytes()).hexdigest(),
        "files": files,
    }


def main(runs_folder: Path, seed: int) -> None:
    """Both runs, and how each attempt ended."""
    draws = random.Random(seed)
    folders = []
    for name in ("alone", "killed"):
        experiment = Experiment.create(TEXT, runs_folder=runs_folder, name=name)
        experiment.save_checkpoint()  # so that everything that a fork needs is loaded here, once
        experiment.close("stopped")
        folders.append(experiment.folder)
    alone, killed = folders
    before = os.times()
    endings = [attempt(alone, ("none", 0))]
    after = os.times()
    whole = after.children_user + after.children_system - before.children_user - before.children_system
    first_change = CHANGES[min(CHANGES)][0]
    deaths: list[tuple[str, float | str]] = [
        ("change", first_change),
        *(
            death
            for _ in range(5)
            for death in (
                ("time", draws.uniform(0.05, 0.3) * whole),
                ("operation", draws.randint(10, 90)),
                ("line", draws.randint(1, 6)),
            )
        ),
    ]
    reached = []
    for death in [*deaths, ("none", 0.0)]:
        endings.append(attempt(killed, death))
        reached.append(summarize(killed).step)
    print(json.dumps({"endings": endings, "reached": reached, "alone": outcome(alone), "killed": outcome(killed)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
