"""What the loss pane knows about runs: the open run's history as it grows, and those of the runs drawn behind it."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from lmcore.protocol.messages import Evaluation, Event, Metrics, RunInfo, StateChanged, ValueChanged
from tui.lab.history import History, read_history
from tui.panes.loss.picture import OTHER_STYLES, OtherRun


def read_past_changes(run_folder: Path) -> tuple[tuple[ValueChanged, ...], str]:
    """The changes that a run's journal holds, and what is wrong with it, in a sentence; "" if nothing."""
    from lmcore.experiments.runs.folder import inspect_run
    from lmcore.experiments.runs.journal import inspect_changes

    changes, problem = inspect_changes(run_folder, inspect_run(run_folder)[0])
    return tuple(_in_words(change) for change in changes), problem


def _in_words(change: ValueChanged) -> ValueChanged:
    """A change of the journal as a run tells it: with what became of a list of hooks."""
    from lmcore.config.hook_list import hooks_difference

    return replace(change, words=hooks_difference(change.old, change.new)) if change.key == "hooks" else change


Install = Callable[[], None]
"""Puts what was read into its place; called on the screen's thread."""


class Records:
    """The histories that the pane draws. Long files are read on a thread of their own, which hands `on_read` what is to
    be done with them on the screen's thread, and a sentence if something went wrong."""

    def __init__(self, on_read: Callable[[Install, str], object]) -> None:
        self.history = History()
        self.past_changes: tuple[ValueChanged, ...] = ()
        self.others: list[OtherRun] = []
        self._on_read = on_read
        self._folder = ""
        self._waiting: list[Event] | None = None  # what arrived while the run's file was being read

    def take(self, events: Iterable[Event]) -> bool:
        """Take what the core tells about the open run; whether anything is new."""
        is_new = False
        for event in events:
            match event:
                case StateChanged(run=run) if run is not None and run.folder != self._folder:
                    self._open(run, event.step)
                    is_new = True
                case Metrics() | Evaluation() if self._waiting is not None:
                    self._waiting.append(event)
                case Metrics():
                    self.history.append(event.rows)
                    is_new = True
                case Evaluation():
                    self.history.put(event.step, event.metrics)
                    is_new = True
                case _:
                    pass
        return is_new

    def changes(self, since: Iterable[ValueChanged]) -> tuple[ValueChanged, ...]:
        """The changes of the journal and those since, each once."""
        return tuple(dict.fromkeys((*self.past_changes, *since)))

    def overlay(self, folder: Path, on: bool) -> None:
        """Draw another run behind the open one, or no longer."""
        self.others = [other for other in self.others if other.name != folder.name]
        if on:
            self._read(lambda: self._read_other(folder))

    def _open(self, run: RunInfo, step: int) -> None:
        self._folder = run.folder
        self.history, self.past_changes, self._waiting = History(), (), None
        if step == 0:
            return
        # The run goes on from a checkpoint: what it did before is on disk.
        waiting: list[Event] = []
        self._waiting = waiting
        folder = Path(run.folder)

        def put(history: History, changes: tuple[ValueChanged, ...]) -> None:
            if self._waiting is waiting:
                self.history, self.past_changes, self._waiting = history, changes, None
                self.take(waiting)

        def read() -> tuple[Install, str]:
            history, (changes, problem) = read_history(folder), read_past_changes(folder)
            history.rewind(step + 1)
            return lambda: put(history, changes), problem

        self._read(read, lambda: put(History(), ()))

    def _read(self, read: Callable[[], tuple[Install, str]], otherwise: Install = lambda: None) -> None:
        def work() -> None:
            try:
                install, problem = read()
            except (ValueError, OSError) as error:
                self._on_read(otherwise, f"The run's metrics cannot be read: {error}")
            else:
                self._on_read(install, problem)

        threading.Thread(target=work, name="history", daemon=True).start()

    def _read_other(self, folder: Path) -> tuple[Install, str]:
        history = read_history(folder)

        def put() -> None:
            taken = {other.letter for other in self.others}
            letter = next((letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in taken), "*")
            style = f"other-{(ord(letter) - ord('a')) % OTHER_STYLES}" if letter != "*" else "other-0"
            self.others = [*self.others, OtherRun(letter, folder.name, history, style, folder)]

        return put, ""
