"""Ablations carried out by the real core: told as they go, stopped, gone on with, refused, and never left behind."""

import os
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from lmcore.experiments.ablation.listing import again, list_ablations
from lmcore.experiments.runs.listing import list_runs
from lmcore.process.client.client import CoreClient
from lmcore.protocol.messages import (
    Ablate,
    AblationBegan,
    AblationCell,
    AblationEnded,
    AblationStands,
    Agree,
    ConsentWanted,
    Generate,
    GenerationDone,
    Load,
    Ready,
    Rejected,
    Start,
    StateChanged,
    StopAblation,
)
from tests.process.core.test_hooks_core import OWN, USING
from tests.warm import fork_core

BIAS = ("model.bias=true",)


def config(runs: Path, steps: int = 4) -> str:
    """A model that trains in a moment, evaluated and saved at its end alone."""
    return textwrap.dedent(f"""\
        model: {{d_model: 16, n_layers: 1, n_heads: 2, context_length: 16}}
        training: {{max_steps: {steps}, batch_size: 4, warmup_steps: 1}}
        dataset: {{tales_megabytes: 0.02}}
        evaluation: {{interval: 0, batches: 2, batch_size: 4, prompt_tokens: 8}}
        checkpointing: {{interval: 0}}
        other: {{runs_folder: {runs}, threads: 1, device: cpu}}
        """)


def ablate(runs: Path, steps: int = 4, **options: object) -> Ablate:
    values = {"base": "tiny.yaml", "changes": BIAS, "seeds": 2, "name": "biases", "jobs": 2, **options}
    return Ablate(config(runs, steps), **values)  # type: ignore[arg-type]


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: list[str]) -> Iterator[CoreClient]:
    monkeypatch.setenv("LMLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))
    with CoreClient(log_folder=tmp_path / "logs", launch=partial(fork_core, jobs=warm)) as core:
        core.wait_for(Ready)
        yield core


def cells(core: CoreClient, since: int = 0) -> list[AblationCell]:
    return [event for event in core.events[since:] if isinstance(event, AblationCell)]


def training(core: CoreClient, after: int = 0) -> AblationCell:
    """The next word of a run that has made a step."""
    return core.wait_for(AblationCell, where=lambda cell: cell.state == "running" and cell.step > 0, after=after)


def eventually(holds: Callable[[], bool], seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_an_ablation_is_told_cell_by_cell_while_the_core_goes_on_serving(core: CoreClient, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    core.send(ablate(runs))
    began = core.wait_for(AblationBegan)
    assert began.arms == ("baseline", "model.bias=true") and began.seeds == (1, 2) and began.max_steps == 4
    core.send(Start(config(runs)))
    refused = core.wait_for(Rejected)
    assert refused.command == "Start" and "biases is going" in refused.reason
    core.send(ablate(runs))
    assert core.wait_for(Rejected).command == "Ablate"
    ended = core.wait_for(AblationEnded)
    assert (ended.name, ended.status) == ("biases", "finished")
    done = {(cell.arm, cell.seed): cell for cell in cells(core) if cell.state == "finished"}
    assert len(done) == 4 and all(cell.loss and (runs / cell.run).is_dir() for cell in done.values())
    results = [event.result for event in core.events if isinstance(event, AblationStands)]
    assert [result.status for result in results] == ["running"] * 4 + ["finished"]
    assert all(arm.verdict is None for result in results[:-1] for arm in result.arms)
    assert results[-1].arms[1].verdict is not None

    (listed,) = list_ablations(runs)
    assert listed.status == "finished" and listed.result == results[-1]

    finished = next(iter(done.values()))
    core.send(Load(str(runs / finished.run)))
    core.wait_for(StateChanged, where=lambda event: event.state == "finished")
    second = len(core.events)
    rest = again(listed)  # all of it is there already, so it is told at once, from what the folder holds
    command = Ablate(rest.text, "tiny.yaml", rest.changes, 2, name="biases", config_folder=str(rest.code_folder))
    core.send(command)
    core.send(Generate(1, "One", max_tokens=2))
    core.wait_for(GenerationDone)
    assert core.wait_for(AblationEnded, after=second).status == "finished"
    assert [cell.state for cell in cells(core, second)] == ["reused"] * 4
    assert len(list_runs(runs)) == 4


def test_a_stopped_ablation_goes_on_from_there(core: CoreClient, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    core.send(ablate(runs, steps=120, jobs=1))
    first = training(core)
    core.send(StopAblation())
    assert core.wait_for(AblationEnded).status == "stopped"
    (stopped,) = list_runs(runs)
    assert stopped.name == first.run and stopped.status == "stopped" and 0 < stopped.step < 120
    assert list_ablations(runs)[0].status == "interrupted"
    core.send(StopAblation())
    assert "nothing to stop" in core.wait_for(Rejected).reason

    core.send(ablate(runs, steps=120))
    assert core.wait_for(AblationEnded).status == "finished"
    assert next(cell.run for cell in cells(core) if cell.state == "finished" and cell.arm == "baseline") == stopped.name
    assert len(list_runs(runs)) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"changes": ("model.bias=false",)}, "says already"),
        ({"changes": ("dataset.tales_seed=9",)}, "cannot be compared"),
        ({"seeds": 1}, "two seeds"),
        ({"changes": ("model.dropuot=0.1",)}, "did you mean"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_sentence(
    core: CoreClient, tmp_path: Path, options: dict[str, object], said: str
) -> None:
    core.send(ablate(tmp_path / "runs", **options))
    refused = core.wait_for(Rejected)
    assert refused.command == "Ablate" and said in refused.reason
    core.send(Start(config(tmp_path / "runs")))
    core.wait_for(StateChanged, where=lambda event: event.state == "running")


def test_while_a_run_trains_no_ablation_begins(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path / "runs", steps=100_000)))
    core.wait_for(StateChanged, where=lambda event: event.state == "running")
    core.send(ablate(tmp_path / "runs"))
    assert "share the processor's cores" in core.wait_for(Rejected).reason


def test_an_arm_that_cannot_run_ends_it_with_a_sentence(core: CoreClient, tmp_path: Path) -> None:
    core.send(ablate(tmp_path / "runs", changes=("hooks=[{name: a, use: zero, at: nowhere}]",)))
    ended = core.wait_for(AblationEnded)
    assert ended.status == "failed" and "nowhere" in ended.reason


def test_own_code_runs_once_it_is_agreed_to_and_is_kept_for_going_on(core: CoreClient, tmp_path: Path) -> None:
    runs, configs = tmp_path / "runs", tmp_path / "configs"
    configs.mkdir()
    (configs / "my_hooks.py").write_text(OWN)
    command = ablate(runs, changes=(f"hooks={USING}",), jobs=4, config_folder=str(configs))
    core.send(command)
    wanted = core.wait_for(ConsentWanted)
    assert wanted.command == "Ablate" and [file.text for file in wanted.files] == [OWN]
    assert not runs.exists()
    core.send(Agree(tuple(file.digest for file in wanted.files)))
    core.send(command)
    assert core.wait_for(AblationEnded).status == "finished"
    rest = again(list_ablations(runs)[0])
    assert (rest.code_folder / "my_hooks.py").read_text() == OWN
    second = len(core.events)
    core.send(Ablate(rest.text, "tiny.yaml", rest.changes, 2, name="biases", config_folder=str(rest.code_folder)))
    assert core.wait_for(AblationEnded).status == "finished"
    assert [cell.state for cell in cells(core, second)] == ["reused"] * 4


@pytest.mark.parametrize("ending", ["asked", "killed"])
def test_when_the_core_ends_its_jobs_save_and_end(core: CoreClient, tmp_path: Path, ending: str) -> None:
    runs = tmp_path / "runs"
    core.send(ablate(runs, steps=1_000_000))
    training(core)
    if ending == "asked":
        core.shut_down(timeout=120)
    else:
        ready = next(event for event in core.events if isinstance(event, Ready))
        os.kill(ready.pid, signal.SIGKILL)
    assert eventually(lambda: bool(list_runs(runs)) and all(run.status == "stopped" for run in list_runs(runs)))
    assert list_ablations(runs)[0].status == "interrupted"
