"""The real core in its own process, driven by messages as the screens drive it. One process serves most tests."""

import errno
import json
import os
import queue
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from lmcore.experiments.runs.listing import read_run
from lmcore.experiments.runs.metrics import read_metrics
from lmcore.process.client.client import CoreClient, CoreUnavailable
from lmcore.process.core.server import Server
from lmcore.process.core.sessions import SessionRecorder
from lmcore.process.core.witness import Witness
from lmcore.protocol.messages import (
    Cancel,
    CheckpointSaved,
    Command,
    CoreDied,
    Evaluation,
    Event,
    Finished,
    Fork,
    Generate,
    GenerationDone,
    Heartbeat,
    Inspect,
    Inspection,
    LayerStatistics,
    Load,
    LogLine,
    Metrics,
    Pause,
    Ready,
    ReasonWanted,
    Rejected,
    Resume,
    RunUntil,
    SaveCheckpoint,
    SetValue,
    ShutDown,
    Start,
    StateChanged,
    Step,
    Stop,
    Token,
    ValueChanged,
)
from tests.process.in_process import Silence
from tests.warm import fork_core


def config(runs: Path, **changes: object) -> str:
    """A tiny model on tiny tales."""
    values = {"steps": 40, "interval": 20, "order": "random", **changes}
    return textwrap.dedent(f"""\
        model: {{d_model: 16, n_layers: 2, n_heads: 2, context_length: 32}}
        training: {{max_steps: {values["steps"]}, batch_size: 4, warmup_steps: 2, learning_rate: 0.01}}
        dataset: {{tales_megabytes: 0.02, order: {values["order"]}}}
        evaluation: {{interval: {values["interval"]}, batches: 2, prompt_tokens: 8}}
        checkpointing: {{interval: 20, keep_best: false}}
        other: {{runs_folder: {runs}, threads: 1, norms_interval: 5, device: cpu}}
        hooks:
          - {{name: quiet, kind: forward, use: zero, at: blocks.0.hook_mlp_out, enabled: false}}
        """)


def reach(core: CoreClient, state: str) -> StateChanged:
    """The core's next arrival in a state; a refusal on the way fails the test at once."""
    event = core.wait_for(
        (StateChanged, Rejected),
        where=lambda event: isinstance(event, Rejected) or getattr(event, "state", "") == state,
    )
    assert isinstance(event, StateChanged), event
    return event


def test_a_run_from_start_to_finish(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path), name="whole"))
    assert reach(core, "running").run is not None
    first = len(core.events)
    finished = core.wait_for(Finished)
    assert (finished.status, finished.step) == ("finished", 40)
    assert reach(core, "finished").step == 40
    told = core.events[first - 1 :]
    rows = [row for event in core.events if isinstance(event, Metrics) for row in event.rows]
    assert {row[0] for row in rows if "loss/train" in row[3]} >= set(range(1, 41))
    assert [event.step for event in told if isinstance(event, Evaluation)] == [20, 40]
    assert any(isinstance(event, CheckpointSaved) and event.step == 40 for event in told)
    layers = [event for event in core.events if isinstance(event, LayerStatistics)][-1]
    assert layers.rows[0].component == "embed"
    assert "whole" in finished.run
    on_disk, _ = read_metrics(tmp_path / finished.run / "metrics.jsonl")
    assert {row["step"] for row in on_disk} >= set(range(1, 41))


def test_pause_step_set_value_and_stop(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path, steps=1000), paused=True))
    assert reach(core, "paused").step == 0
    core.send(Step(3))
    assert reach(core, "paused").step == 3
    core.send(SetValue("training.learning_rate", "5e-3"))
    changed = core.wait_for(ValueChanged)
    assert (changed.step, changed.key, changed.new) == (3, "training.learning_rate", "5e-3") or changed.new == "0.005"
    core.send(SetValue("hooks.quiet.enabled", "true"))
    assert core.wait_for(ValueChanged).key == "hooks.quiet.enabled"
    core.send(RunUntil(step=7))
    assert reach(core, "paused").step == 7
    core.send(SaveCheckpoint())
    assert core.wait_for(CheckpointSaved).step == 7
    core.send(Resume())
    reach(core, "running")
    core.send(Pause())
    paused_at = reach(core, "paused").step
    assert paused_at >= 7
    core.send(Stop())
    assert core.wait_for(Finished).status == "stopped"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Start("model: {d_model: 7}"), "d_model"),
        (Start("mode: {}"), "mode"),
        (SetValue("model.d_model", "64"), "new run"),
        (SetValue("training.learning_rate", "[/"), "learning_rate"),
        (SetValue("training.lerning_rate", "1"), "learning_rate"),
        (SetValue("hooks.loud.enabled", "true"), "loud"),
        (Load("no-such-run"), "no-such-run"),
        (Pause(), "pause"),
        (Inspect(5, "parameters", "blocks.9.attn"), "blocks.9.attn"),
    ],
)
def test_what_cannot_be_done_is_answered_with_a_sentence(
    core: CoreClient, tmp_path: Path, command: object, reason: str
) -> None:
    core.send(Start(config(tmp_path), paused=True))
    reach(core, "paused")
    if isinstance(command, Start | Load):
        core.send(Stop())
        reach(core, "finished")
    core.send(command)  # type: ignore[arg-type]
    rejected = core.wait_for(Rejected)
    assert rejected.command == type(command).__name__
    assert reason in rejected.reason
    assert "Traceback" not in rejected.reason


def test_generation_comes_first_and_training_goes_on_as_it_would_have(core: CoreClient, tmp_path: Path) -> None:
    losses = []
    for asked in (False, True):
        core.send(Start(config(tmp_path / str(asked), steps=30), paused=asked))
        if asked:
            reach(core, "paused")
            for request in (1, 2, 3):
                core.send(Generate(request, "One day [/b] \x1b[2J ", max_tokens=20, seed=request))
                core.send(Step(2))
            core.wait_for(GenerationDone, where=lambda done: done.request == 3)
            reach(core, "paused")
            core.send(Resume())
        finished = core.wait_for(Finished)
        rows, _ = read_metrics(tmp_path / str(asked) / finished.run / "metrics.jsonl")
        losses.append([row["loss/train"] for row in rows if "loss/train" in row])
    assert len(losses[0]) == 30
    assert losses[0] == losses[1]


def test_an_answer_is_streamed_and_can_be_cancelled(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path), paused=True))
    reach(core, "paused")
    core.send(Generate(11, "Once", max_tokens=100000))
    core.wait_for(Token, where=lambda token: token.request == 11)
    core.send(Cancel(11))
    done = core.wait_for(GenerationDone, where=lambda done: done.request == 11)
    assert done.reason == "cancelled"
    assert 0 < done.tokens < 100000


@pytest.mark.parametrize("what", ["parameters", "attention", "logit_lens", "token_losses"])
def test_looking_inside_answers_with_a_table(core: CoreClient, tmp_path: Path, what: str) -> None:
    core.send(Start(config(tmp_path), paused=True))
    reach(core, "paused")
    core.send(Inspect(21, what, "blocks.0.attn", "One day"))  # type: ignore[arg-type]
    table = core.wait_for(Inspection, where=lambda table: table.request == 21)
    assert table.rows
    assert all(len(row) == len(table.headings) for row in table.rows)


def test_load_resume_and_fork(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path, steps=60), paused=True))
    folder = reach(core, "paused").run
    assert folder is not None
    core.send(RunUntil(step=25))
    reach(core, "paused")
    core.send(Stop())
    reach(core, "finished")
    core.send(Load(folder.folder, "20"))
    assert reach(core, "paused").step == 20
    core.send(Generate(31, "One", max_tokens=5))
    assert core.wait_for(GenerationDone).tokens == 5
    core.send(Load(folder.folder))
    assert reach(core, "paused").step == 25
    core.send(Resume())
    assert core.wait_for(Finished).step == 60
    core.send(Fork(folder.folder, "40", (("training.learning_rate", "2e-3"),), "forked"))
    forked = reach(core, "paused")
    assert forked.step == 40
    assert forked.run is not None and "forked" in forked.run.name
    core.send(Step(1))
    assert reach(core, "paused").step == 41


def test_several_changes_need_a_reason(core: CoreClient, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(config(tmp_path))
    text = config(tmp_path, steps=30, order="shuffled").replace(
        "device: cpu", f"device: cpu, baseline: {tmp_path}/base.yaml"
    )
    core.send(Start(config(tmp_path / "other"), paused=True))
    stays = reach(core, "paused").run
    core.send(Stop())
    reach(core, "finished")
    core.send(Start(text, paused=True))
    wanted = core.wait_for(ReasonWanted)
    assert (wanted.command, wanted.differences) == (
        "Start",
        ("training.max_steps 40 → 30", "dataset.order random → shuffled"),
    )
    assert not list(tmp_path.glob("*/run.json"))
    core.send(Generate(77, "One", max_tokens=2))  # the run that was open is open still
    assert stays is not None and core.wait_for(GenerationDone).tokens == 2
    core.send(Start(text, paused=True, confounded="both at once"))
    run = reach(core, "paused").run
    assert run is not None and run.confounded == "both at once"


def test_a_core_that_is_killed_is_told_and_replaced(tmp_path: Path) -> None:
    with CoreClient(log_folder=tmp_path, launch=fork_core) as core:
        core.wait_for(Ready)
        core.send(Start(config(tmp_path, steps=100000)))
        folder = reach(core, "running").run
        assert folder is not None
        core.wait_for(CheckpointSaved)
        ready = next(event for event in core.events if isinstance(event, Ready))
        os.kill(ready.pid, signal.SIGKILL)
        died = core.wait_for(CoreDied)
        assert died.exit_code == -signal.SIGKILL
        assert died.run == folder.folder
        core.restart()
        core.wait_for(Ready)
        core.send(Load(died.run))
        loaded = reach(core, "paused")
        assert loaded.step >= 20
        core.send(Step(1))
        assert reach(core, "paused").step == loaded.step + 1


def test_the_core_saves_and_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""\
                import sys, time
                from pathlib import Path
                from lmcore.process.client.client import CoreClient
                from lmcore.protocol.messages import Ready, Start, StateChanged
                if __name__ == "__main__":
                    core = CoreClient(log_folder=Path({str(tmp_path)!r}))
                    core.start()
                    pid = core.wait_for(Ready).pid
                    core.send(Start({config(tmp_path, steps=10**6)!r}))
                    core.wait_for(StateChanged, where=lambda e: e.state == "running")
                    print(pid, flush=True)
                    time.sleep(100)
                """),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) > 0
    parent.kill()
    parent.wait()
    run = next(tmp_path.glob("*/run.json")).parent
    end = time.monotonic() + 120
    while read_run(run)["status"] == "running" and time.monotonic() < end:
        time.sleep(0.02)
    assert read_run(run)["status"] == "stopped"
    rows, _ = read_metrics(run / "metrics.jsonl")
    last = max(row["step"] for row in rows)
    assert (run / "checkpoints" / f"step-{last:06d}").is_dir()


def test_flooded_telemetry_stays_within_its_rate(core: CoreClient, tmp_path: Path) -> None:
    first = len(core.events)
    began = time.monotonic()
    core.send(Start(config(tmp_path, steps=400, interval=0)))
    core.wait_for(Finished)
    seconds = time.monotonic() - began
    told = core.events[first:]
    batches = [event for event in told if isinstance(event, Metrics)]
    assert len(batches) <= 20 * seconds + 5
    assert {row[0] for event in batches for row in event.rows} >= set(range(1, 401))


def test_the_core_lives_and_keeps_quiet(core: CoreClient) -> None:
    ready = next(event for event in core.events if isinstance(event, Ready))
    for closed_terminal in (signal.SIGHUP, signal.SIGINT):
        os.kill(ready.pid, closed_terminal)
        said = f"{closed_terminal.name} is ignored"
        core.wait_for(LogLine, where=lambda line, said=said: said in line.text)  # type: ignore[misc]
    beat = core.wait_for(Heartbeat, after=len(core.events))
    assert beat.memory_bytes > 10**7
    assert not [event for event in core.events if isinstance(event, LogLine) and "Traceback" in event.text]


def test_a_dead_core_is_said_to_scripts(tmp_path: Path) -> None:
    core = CoreClient(log_folder=tmp_path)
    with pytest.raises(CoreUnavailable, match="start it"):
        core.send(Pause())


def test_a_run_that_cannot_be_saved_keeps_the_core_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: queue.Queue[Command] = queue.Queue()
    monkeypatch.chdir(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Person(Silence):
        def send(self, event: Event) -> None:
            super().send(event)
            if isinstance(event, StateChanged) and event.state == "paused" and event.step == 2 and not event.reason:
                monkeypatch.setattr(os, "fsync", full)
                commands.put(ShutDown())
            elif isinstance(event, Rejected):
                monkeypatch.undo()
                commands.put(ShutDown())

    person = Person()
    for command in (Start(config(tmp_path), paused=True), Step(2)):
        commands.put(command)
    Server(commands, Witness(person, SessionRecorder())).run()
    (refusal,) = [event for event in person.events if isinstance(event, Rejected)]
    assert refusal.command == "ShutDown" and "disk is full" in refusal.reason
    (paused,) = [event for event in person.events if isinstance(event, StateChanged) and event.reason]
    assert (paused.state, paused.step, paused.reason) == ("paused", 2, refusal.reason)
    (run,) = tmp_path.glob("*/run.json")
    assert json.loads(run.read_text())["status"] == "stopped"
    assert (run.parent / "checkpoints" / "step-000002").is_dir()
