"""The files of a run while this process writes it: lock, metrics, samples, journal, status."""

import os
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from lmcore import files
from lmcore.experiments.runs.folder import JOURNAL, METRICS, SAMPLES, RunError, plainly, update_run
from lmcore.experiments.runs.journal import Journal, append_change, read_journal
from lmcore.experiments.runs.lines import cut_lines, encode_line
from lmcore.experiments.runs.lock import RunLock
from lmcore.experiments.runs.metrics import MetricsWriter, latest_metrics
from lmcore.experiments.runs.samples import Sample, append_sample
from lmcore.files import write_whole
from lmcore.protocol.messages import ValueChanged
from lmcore.tables import NUMBER


class RunWriter:
    """Everything that one process appends to a run directory, between `begin` and `end`."""

    def __init__(self, folder: Path, lock: RunLock) -> None:
        self._folder = folder
        self._lock = lock
        self._metrics: MetricsWriter | None = None
        self._left: tuple[int, int] | None = None  # metrics.jsonl as this process left it the last time

    @property
    def is_open(self) -> bool:
        """Whether this process writes the run at this moment."""
        return self._metrics is not None

    def begin(
        self, step: int, due: Collection[str], check: Callable[[], None], restored: Journal | None = None
    ) -> None:
        """Take the lock and go on from a step: what the files say of later steps has not happened.

        Of the step itself, what is still `due` ("evaluation", "sample") is cut off too, since it will be done again.
        `check` is called under the lock and may refuse. `restored` takes the place of a damaged journal. RunError.
        """
        self._lock.acquire()
        try:
            if self._left is not None and self._left != self._state_of_metrics():
                raise RunError(f"Another process has trained {self._folder.name} in between; open it again.")
            check()
            if restored is not None:
                self._restore(restored)
            cut_lines(
                self._folder / METRICS,
                lambda row: _is_before(row, step) or (row.get("step") == step and not _is_evaluation(row, due)),
            )
            cut_lines(
                self._folder / SAMPLES,
                lambda row: _is_before(row, step) or (row.get("step") == step and "sample" not in due),
            )
            metrics = MetricsWriter(self._folder / METRICS)
            latest = latest_metrics(self._folder / METRICS).items()
            finite = {name: value for name, value in latest if NUMBER.fits(value)}
            update_run(self._folder, {"status": "running", "latest": finite})
        except BaseException:
            self._lock.release()
            raise
        self._metrics = metrics

    def row(self, row: dict[str, Any]) -> None:
        """Append a line of metrics. RunError if it cannot be written; then it is not there in part either."""
        assert self._metrics is not None
        self._lock.check()
        self._metrics.append(row)

    def sample(self, sample: Sample) -> None:
        """Append a sample. RunError."""
        self._lock.check()
        append_sample(self._folder / SAMPLES, sample)

    def change(self, change: ValueChanged) -> None:
        """Append a change to the journal and wait until it is on disk. RunError."""
        self._lock.check()
        mark = append_change(self._folder / JOURNAL, change).mark
        with suppress(RunError):  # the change itself is on disk
            update_run(self._folder, {"journal": mark})

    def remember(self, latest: dict[str, Any]) -> None:
        """Put the newest step and losses into run.json, for the list of runs. RunError."""
        self._lock.check()
        update_run(self._folder, {"latest": latest})

    def journal(self) -> Journal:
        """The journal as it is on disk. RunError."""
        with plainly("read", self._folder / JOURNAL):
            return read_journal(self._folder / JOURNAL)

    def _restore(self, journal: Journal) -> None:
        """Let a journal take the place of a damaged one, which is kept under a name of its own."""
        path = self._folder / JOURNAL
        with plainly("write", path):
            if os.path.lexists(path):
                number = 1
                while os.path.lexists(kept := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")):
                    number += 1
                files.replace(path, kept)
            write_whole(path, b"".join(encode_line(row) for row in journal.rows))
        update_run(self._folder, {"journal": journal.mark})

    def sync(self) -> None:
        """Wait until the metrics are on disk, so that no checkpoint knows more than they do. RunError."""
        self._lock.check()
        if self._metrics is not None:
            self._metrics.sync()

    def end(self, status: str) -> None:
        """Write how the run stands and give the lock back, also where writing fails with RunError."""
        if not self._lock.is_held:
            return
        try:
            if self._metrics is not None:
                self._metrics.close()
                self._metrics = None
            self._lock.check()
            self._left = self._state_of_metrics()
            update_run(self._folder, {"status": status})
        finally:
            self._lock.release()

    def _state_of_metrics(self) -> tuple[int, int]:
        path = self._folder / METRICS
        with plainly("read", path):
            if not path.exists():
                return 0, 0
            state = path.stat()
        return state.st_size, state.st_mtime_ns


def _is_before(row: dict[str, Any], step: int) -> bool:
    return isinstance(row.get("step"), int) and row["step"] < step


def _is_evaluation(row: dict[str, Any], due: Collection[str]) -> bool:
    return "evaluation" in due and "loss/val" in row
