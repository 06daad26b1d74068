"""The parent's handle, against a core made of threads."""

import queue
import threading
from pathlib import Path
from typing import Any

import pytest

from lmcore.process.client.client import NO_ANSWER, CoreClient, CoreUnavailable
from lmcore.process.client.connection import Connection
from lmcore.protocol.messages import (
    CoreDied,
    Event,
    Heartbeat,
    Pause,
    Ready,
    Rejected,
    RunInfo,
    ShutDown,
    StateChanged,
)


class ThreadCore:
    """A core that lives in this process: it takes commands until ShutDown, and dies when told to."""

    def __init__(self) -> None:
        self.launched: list[ThreadCore.Life] = []

    class Life:
        def __init__(self, generation: int) -> None:
            self.generation = generation
            self.commands: queue.Queue[Any] = queue.Queue()
            self.envelopes: queue.Queue[Any] = queue.Queue()
            self.over = threading.Event()
            self.code: int | None = None
            self.taken: list[Any] = []
            self.obedient = True
            self.refuses = ""
            self.is_stopped = False
            threading.Thread(target=self.serve, daemon=True).start()

        def serve(self) -> None:
            while not self.over.is_set():
                try:
                    command = self.commands.get(timeout=0.05)
                except queue.Empty:
                    continue
                self.taken.append(command)
                if isinstance(command, ShutDown) and self.refuses:
                    self.tell(Rejected("ShutDown", self.refuses))
                elif isinstance(command, ShutDown) and self.obedient:
                    self.die(0)

        def die(self, code: int) -> None:
            self.code = code
            self.over.set()

        def tell(self, *events: Event, generation: int | None = None) -> None:
            self.envelopes.put((generation or self.generation, events))

    def __call__(self, generation: int, log_path: Path) -> Connection:
        life = ThreadCore.Life(generation)
        log_path.write_text("loading\nSegmentation fault\n")
        self.launched.append(life)
        return Connection(
            commands=life.commands,
            envelopes=life.envelopes,
            is_alive=lambda: not life.over.is_set(),
            wait=lambda timeout: life.over.wait(timeout) and None,
            exit_code=lambda: life.code,
            terminate=lambda: None if not life.obedient else life.die(-15),
            kill=lambda: life.die(-9),
            wake=lambda: setattr(life, "obedient", True) if life.is_stopped else None,
        )


@pytest.fixture
def cores() -> ThreadCore:
    return ThreadCore()


def test_events_are_waited_for_in_their_order(cores: ThreadCore, tmp_path: Path) -> None:
    with CoreClient(log_folder=tmp_path, launch=cores) as client:
        core = cores.launched[0]
        core.tell(Ready(1, "2", 2, ("cpu",)), StateChanged("idle"))
        core.tell(StateChanged("running"))
        assert client.wait_for(Ready).threads == 2
        assert client.wait_for(StateChanged).state == "idle"
        assert client.wait_for(StateChanged).state == "running"
        with pytest.raises(CoreUnavailable, match="No Ready within"):
            client.wait_for(Ready, timeout=0.05)


def test_a_core_that_dies_is_told_with_its_last_lines(cores: ThreadCore, tmp_path: Path) -> None:
    batches: queue.Queue[list[Event]] = queue.Queue()
    client = CoreClient(batches.put, log_folder=tmp_path, launch=cores)
    client.start()
    cores.launched[0].tell(Heartbeat(1, 1))
    cores.launched[0].die(-11)
    events: list[Event] = []
    while not any(isinstance(event, CoreDied) for event in events):
        events += batches.get(timeout=60)
    assert isinstance(events[0], Heartbeat), "what was sent before the death arrives before it"
    died = events[-1]
    assert isinstance(died, CoreDied)
    assert died.exit_code == -11
    assert died.log_tail[-1] == "Segmentation fault"
    with pytest.raises(CoreUnavailable, match="start it again"):
        client.send(Pause())


def test_the_run_that_was_open_is_named_in_the_death(cores: ThreadCore, tmp_path: Path) -> None:
    run = tmp_path / "a-run"
    run.mkdir()
    (run / "log.txt").write_text("the run's own last line\n")
    with CoreClient(log_folder=tmp_path, launch=cores) as client:
        info = RunInfo("a-run", str(run), "a", "", 1, 1, 1, "cpu", 1, 128, None)
        cores.launched[0].tell(StateChanged("running", run=info))
        client.wait_for(StateChanged)
        cores.launched[0].die(1)
        died = client.wait_for(CoreDied)
        assert died.run == str(run)
        assert died.log_tail == ("the run's own last line",)


def test_late_messages_of_an_earlier_core_are_dropped(cores: ThreadCore, tmp_path: Path) -> None:
    with CoreClient(log_folder=tmp_path, launch=cores) as client:
        client.restart()
        first, second = cores.launched
        assert (first.generation, second.generation) == (1, 2)
        second.tell(Heartbeat(99, 1), generation=1)
        second.tell(Heartbeat(2, 1))
        assert client.wait_for(Heartbeat).step == 2
        assert not any(isinstance(event, CoreDied) for event in client.events), "it was asked to end"


def test_a_core_that_does_not_listen_is_killed(cores: ThreadCore, tmp_path: Path) -> None:
    client = CoreClient(log_folder=tmp_path, launch=cores)
    client.start()
    cores.launched[0].obedient = False
    client.shut_down(timeout=0.1)
    assert cores.launched[0].code == -9
    assert not client.is_alive


def test_a_core_that_was_stopped_goes_on_and_ends(cores: ThreadCore, tmp_path: Path) -> None:
    client = CoreClient(log_folder=tmp_path, launch=cores)
    client.start()
    cores.launched[0].obedient, cores.launched[0].is_stopped = False, True
    assert client.ask_to_end() == "" and cores.launched[0].code == 0


def test_a_core_that_says_nothing_is_not_waited_for(
    cores: ThreadCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcore.process.client.client.SILENT_SECONDS", 0.2)
    client = CoreClient(log_folder=tmp_path, launch=cores)
    client.start()
    cores.launched[0].obedient = False
    assert client.ask_to_end(timeout=60) == NO_ANSWER and client.is_alive
    client.shut_down(timeout=0)
    assert cores.launched[0].code == -9


def test_a_core_that_cannot_save_stays_and_can_be_asked_again(cores: ThreadCore, tmp_path: Path) -> None:
    client = CoreClient(log_folder=tmp_path, launch=cores)
    client.start()
    core = cores.launched[0]
    core.refuses = "The disk is full."
    assert client.ask_to_end() == "The disk is full." and client.is_alive
    core.refuses = ""
    assert client.ask_to_end() == "" and not client.is_alive


def test_a_log_folder_that_cannot_be_made_is_no_obstacle(cores: ThreadCore, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    for folder in (Path("/proc/nope"), tmp_path / "a file"):
        with CoreClient(log_folder=folder, launch=cores) as client:
            assert client.log_path.exists() and folder not in client.log_path.parents
