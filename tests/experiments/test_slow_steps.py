"""An experiment says when its steps take several times as long: to the command line, and to the core."""

import json
from pathlib import Path

import pytest

from lmcore.cli.narration import Narration
from lmcore.cli.train import train_to_end
from lmcore.experiments.experiment import Experiment
from lmcore.protocol.messages import LogLine
from lmcore.training import trainer
from tests.experiments.tiny import tiny, train


class Clock:
    """Each step takes 0.1 s, from the 25th on 1.2 s."""

    def __init__(self) -> None:
        self.now, self.calls = 0.0, 0

    def perf_counter(self) -> float:
        """Called before and after each step."""
        self.calls += 1
        if self.calls % 2 == 0:
            self.now += 0.1 if self.calls < 50 else 1.2
        return self.now


def test_it_is_said_on_stderr_and_in_json_and_no_evaluation_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainer, "time", Clock())
    experiment = Experiment.create(
        tiny(training__max_steps="40", evaluation__interval="10"), runs_folder=tmp_path, name="slow"
    )
    with Narration(as_json=True) as narration:
        train_to_end(experiment, narration, as_json=True)
    sentence = "Steps take 12 times as long as before (1.2 s, before 100 ms): something else seems to use the machine."
    said = capsys.readouterr()
    assert said.err.count("Steps take") == said.err.count(sentence) == 1
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [event for event in events if event["event"] == "notice"] == [
        {"event": "notice", "step": 31, "sentence": sentence}
    ]


def test_the_core_tells_it_as_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "time", Clock())
    experiment = Experiment.create(tiny(training__max_steps="40"), runs_folder=tmp_path, name="slow")
    [told] = [record for record in train(experiment) if isinstance(record, LogLine)]
    assert told.text.startswith("Steps take 12 times as long") and (told.level, told.step) == ("warning", 31)
