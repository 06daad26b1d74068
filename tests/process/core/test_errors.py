"""What cannot be done is refused in a sentence; a fault of the lab itself is told as one, and loses nothing."""

from pathlib import Path
from typing import Any

import pytest

from lmcore.errors import LabError
from lmcore.experiments.runs.listing import list_runs
from lmcore.process.core import server
from lmcore.protocol.messages import Failed, Finished, Inspect, Inspection, Rejected, Start, Step, Stop
from tests.experiments.tiny import tiny
from tests.process.in_process import Script


@pytest.mark.parametrize("error", [ValueError("a number that torch refuses"), TypeError("no such argument")])
def test_a_fault_is_told_with_its_trace_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: Any) -> Inspection:
        raise error

    monkeypatch.setattr(server, "inspection_of", broken)
    text = tiny(other__runs_folder=str(tmp_path / "runs"))
    script = Script([Start(text, paused=True), Step(2), Inspect(1, "parameters", "embed"), Step(1), Stop()])
    script.run()
    failed = [event for event in script.outbox.events if isinstance(event, Failed)]
    assert [str(error) in event.message and "broken" in event.traceback for event in failed] == [True]
    assert "test_errors.py, line" in failed[0].message and "report it with its traceback" in failed[0].message
    assert not [event for event in script.outbox.events if isinstance(event, Rejected)]
    assert [event.step for event in script.outbox.events if isinstance(event, Finished)] == [3]
    assert [run.step for run in list_runs(tmp_path / "runs")] == [3]


def test_what_cannot_be_done_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: Any) -> Inspection:
        raise LabError("there is no such layer")

    monkeypatch.setattr(server, "inspection_of", refusing)
    text = tiny(other__runs_folder=str(tmp_path / "runs"))
    script = Script([Start(text, paused=True), Inspect(1, "parameters", "embed"), Stop()])
    script.run()
    said = [event.reason for event in script.outbox.events if isinstance(event, Rejected)]
    assert said == ["there is no such layer"]
    assert not [event for event in script.outbox.events if isinstance(event, Failed)]
