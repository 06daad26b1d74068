"""The state of the lab as a pure function of events."""

from dataclasses import replace

import pytest

from lmcore.protocol.messages import (
    CheckpointSaved,
    CoreDied,
    Evaluation,
    Finished,
    Heartbeat,
    LayerStatistics,
    LogLine,
    Metrics,
    Progress,
    Rejected,
    StateChanged,
    ValueChanged,
)
from tests.tui.fake_core import READY, change_of, layer_rows, metrics_rows, run_info
from tui.lab.state import LOG_LINES, LabState, advance_state, restarting

RUNNING = advance_state(
    LabState(), [READY, StateChanged("idle"), StateChanged("preparing"), StateChanged("running", 0, 4000, run_info())]
)


def test_a_run_begins() -> None:
    assert RUNNING.core == "ready" and RUNNING.is_training and RUNNING.has_begun and RUNNING.run is not None
    assert LabState().core == "starting" and not LabState().has_model


def test_metrics_bring_step_time_and_the_latest_values() -> None:
    state = advance_state(RUNNING, [metrics_rows(range(1, 11))])
    assert (state.step, state.tokens) == (10, 40960)
    assert state.learning_rate == 1e-3 and state.tokens_per_second == 40960.0
    assert state.seconds_per_step == pytest.approx(0.1)
    assert state.seconds_left == pytest.approx(399)


def test_a_state_is_not_changed_in_place_and_the_same_events_give_the_same_state() -> None:
    events = [metrics_rows(range(1, 4)), Evaluation(3, {"loss/val": 2.0}, "said", "prompt")]
    before = replace(RUNNING, metrics=dict(RUNNING.metrics))
    assert advance_state(RUNNING, events) == advance_state(RUNNING, events)
    assert before == RUNNING


def test_telemetry_of_all_kinds() -> None:
    state = advance_state(
        RUNNING,
        [
            LayerStatistics(20, layer_rows()),
            Evaluation(20, {"loss/val": 1.5}, "sample", "prompt"),
            Heartbeat(20, 1000),
            ValueChanged(20, "training.learning_rate", "1e-3", "2e-3"),
            CheckpointSaved(20, "folder", 0.1),
            Rejected("Stop", "no"),
            Metrics(()),
        ],
    )
    assert state.layers_step == 20 and state.metrics["loss/val"] == 1.5 and state.memory_bytes == 1000
    assert len(state.samples) == len(state.changes) == 1 and state.checkpoint_step == 20
    assert state.last_rejected is not None and state.step == 20


def test_a_change_brings_the_configuration_and_nobody_reads_text_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "training:\n  max_steps: 500  # short\nhooks:\n  - {name: half, kind: update, use: clip}\n"
    begun = advance_state(LabState(), [READY, StateChanged("running", 3, 50, run_info(config_text=text))])
    assert begun.config is not None and begun.config.training.max_steps == 500
    changes = [change_of(begun, "training.learning_rate", "2e-3"), change_of(begun, "hooks.half.enabled", "false")]
    monkeypatch.setattr("yaml.parse", None)
    first, second = (advance_state(begun, [change]) for change in changes)
    assert first.config is not None and first.config.training.learning_rate == 2e-3 and first.config.hooks[0].enabled
    assert first.run is not None and "# short" in first.run.config_text and "0.002" in first.run.config_text
    assert second.config is not None and not second.config.hooks[0].enabled
    again = advance_state(first, [StateChanged("paused", 5, 50, first.run)])
    assert again.config is first.config  # the same text is not read again


def test_a_configuration_of_another_version_is_none() -> None:
    assert advance_state(LabState(), [StateChanged("running", 0, 9, run_info(config_text="model: ["))]).config is None


def test_another_run_begins_with_nothing_of_the_one_before() -> None:
    first = advance_state(RUNNING, [metrics_rows(range(1, 9)), ValueChanged(5, "a.b", "1", "2"), LogLine("kept")])
    second = advance_state(first, [StateChanged("preparing"), StateChanged("running", 0, 10, run_info("other"))])
    assert second.step == 0 and not second.metrics and not second.changes and second.max_steps == 10
    assert [line.text for line in second.log] == ["kept"]


def test_progress_is_there_only_while_a_run_is_prepared() -> None:
    preparing = advance_state(RUNNING, [StateChanged("preparing"), Progress("writing tales", 0.4)])
    assert preparing.progress == Progress("writing tales", 0.4)
    assert advance_state(preparing, [StateChanged("running", 0, 10, run_info())]).progress is None


@pytest.mark.parametrize(("step", "begun"), [(0, True), (500, False)])
def test_a_loaded_run_has_not_begun_but_one_started_paused_has(step: int, begun: bool) -> None:
    state = advance_state(RUNNING, [StateChanged("preparing"), StateChanged("paused", step, 4000, run_info("x"))])
    assert state.has_begun is begun and state.has_model


def test_pausing_keeps_and_stopping_ends_what_has_begun() -> None:
    paused = advance_state(RUNNING, [StateChanged("paused", 5, 4000, run_info())])
    assert paused.has_begun and paused.has_open_run and not paused.is_training
    stopped = advance_state(paused, [Finished("run", "stopped", 5), StateChanged("finished", 5, 4000, run_info())])
    assert not stopped.has_begun and stopped.has_model and not stopped.has_open_run


def test_death_and_restart() -> None:
    dead = advance_state(RUNNING, [CoreDied(-9, ("last",), "run")])
    assert dead.core == "dead" and not dead.has_model and not dead.is_training
    again = restarting(dead)
    assert again.core == "starting" and again.died is None
    assert advance_state(again, [READY, StateChanged("idle")]).state == "idle"


def test_the_log_is_bounded() -> None:
    state = advance_state(LabState(), [LogLine(str(i)) for i in range(LOG_LINES + 50)])
    assert len(state.log) == LOG_LINES and state.log[-1].text == str(LOG_LINES + 49)
