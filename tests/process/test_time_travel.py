"""Going back to a moment of the run in the core, asking the model there, and forking it: as the screens do it."""

from pathlib import Path

from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.listing import read_run
from lmcore.experiments.runs.metrics import read_metrics
from lmcore.experiments.verification.verification import verify
from lmcore.process.client.client import CoreClient
from lmcore.protocol.messages import (
    CheckpointSaved,
    Event,
    Finished,
    Fork,
    Generate,
    GenerationDone,
    Inspect,
    Inspection,
    ListMoments,
    Load,
    LogLine,
    MomentList,
    Pause,
    Ready,
    Rejected,
    Resume,
    Rewind,
    RunUntil,
    SaveCheckpoint,
    SetValue,
    Start,
    StateChanged,
    Step,
    Stop,
    Token,
    ValueChanged,
)
from tests.process.core.test_core import config, reach
from tests.process.in_process import record
from tests.warm import fork_core

_requests = iter(range(1, 10**6))


def answer(core: CoreClient) -> str:
    """What the model says."""
    request = next(_requests)
    core.send(Generate(request, "One day, ", temperature=1.0, max_tokens=12, seed=3))
    core.wait_for(GenerationDone, where=lambda event: event.request == request)
    return "".join(event.text for event in core.events if isinstance(event, Token) and event.request == request)


def norms(core: CoreClient) -> tuple[object, ...]:
    """The norms of a part of the model."""
    request = next(_requests)
    core.send(Inspect(request, "parameters", "blocks.0.attn"))
    found = core.wait_for(Inspection, where=lambda event: event.request == request)
    return found.rows


def rewind(core: CoreClient, step: int | None, nearest: bool = False) -> StateChanged | Rejected:
    """Look at a step; the state after it, or the refusal."""
    begin = len(core.events)
    core.send(Rewind(step, nearest))
    event: Event = core.wait_for((StateChanged, Rejected), after=begin)
    assert isinstance(event, StateChanged | Rejected)
    return event


def losses(folder: Path) -> dict[int, float]:
    """The training losses by step."""
    rows, _ = read_metrics(folder / "metrics.jsonl")
    return {row["step"]: row["loss/train"] for row in rows if "loss/train" in row}


def start(core: CoreClient, runs: Path, until: int, **changes: object) -> Path:
    """Train a new run to a step; its folder."""
    core.send(Start(config(runs, steps=1000, **changes), paused=True))
    run = reach(core, "paused").run
    assert run is not None
    core.send(RunUntil(step=until))
    core.wait_for(StateChanged, where=lambda event: (event.state, event.step) == ("paused", until))
    return Path(run.folder)


def test_one_looks_back_and_returns_and_nothing_has_happened(core: CoreClient, tmp_path: Path) -> None:
    folder = start(core, tmp_path, 8)
    early = answer(core), norms(core)
    core.send(RunUntil(step=15))
    core.wait_for(StateChanged, where=lambda event: (event.state, event.step) == ("paused", 15))
    late = answer(core), norms(core)
    assert early != late

    event = rewind(core, 8)
    assert isinstance(event, StateChanged) and event.moment is not None
    assert (event.state, event.step, event.moment.step, event.moment.source) == ("paused", 15, 8, "memory")
    assert event.moment.layers is not None and event.moment.layers.step == 5
    assert [row.name for row in event.moment.hooks] == ["quiet"]
    assert (answer(core), norms(core)) == early
    event = rewind(core, None)
    assert isinstance(event, StateChanged) and event.moment is None
    assert (answer(core), norms(core)) == late
    rewind(core, 8)
    begin = len(core.events)
    core.send(Step(1))  # from the present
    running = core.wait_for(StateChanged, after=begin)
    assert (running.state, running.moment) == ("running", None)
    core.wait_for(StateChanged, where=lambda event: (event.state, event.step) == ("paused", 16))
    assert list(losses(folder)) == list(range(1, 17))
    core.send(Stop())
    core.wait_for(Finished)
    assert verify(folder).reproduced


def test_a_run_that_trains_is_paused_to_look_back(core: CoreClient, tmp_path: Path) -> None:
    start(core, tmp_path, 6)
    core.send(Resume())
    reach(core, "running")
    event = rewind(core, 3)
    assert isinstance(event, StateChanged)
    assert (event.state, event.reason) == ("paused", "Training is paused while you look back.")
    core.send(Resume())
    reach(core, "running")
    refused = rewind(core, 10**6)
    assert isinstance(refused, Rejected) and "steps, so there is no step 1,000,000" in refused.reason
    core.send(Pause())  # it went on meanwhile
    reach(core, "paused")


def test_what_is_done_cannot_be_changed(core: CoreClient, tmp_path: Path) -> None:
    folder = start(core, tmp_path, 6)
    rewind(core, 3)
    for command in (SetValue("training.learning_rate", "0.02"), SetValue("hooks.quiet.enabled", "true")):
        begin = len(core.events)
        core.send(command)
        refused = core.wait_for(Rejected, after=begin)
        assert "You look at step 3, and what is done cannot change: go back to the present" in refused.reason
    core.send(SaveCheckpoint())
    assert core.wait_for(CheckpointSaved).step == 6  # the present
    rewind(core, None)
    core.send(SetValue("training.learning_rate", "0.02"))
    assert core.wait_for(ValueChanged).step == 6
    assert (folder / "checkpoints" / "step-000006").is_dir()


def test_the_moments_are_listed_and_the_nearest_is_found(core: CoreClient, tmp_path: Path) -> None:
    folder = start(core, tmp_path, 45)
    core.send(Stop())
    core.wait_for(Finished)
    core.send(ListMoments(7))
    listed = core.wait_for(MomentList, where=lambda event: event.request == 7)
    assert listed.present == 45
    assert dict(listed.moments) == {0: "beginning", **dict.fromkeys(range(1, 45), "memory")}
    core.send(Load(str(folder)))
    reach(core, "paused")
    core.send(ListMoments(8))
    listed = core.wait_for(MomentList, where=lambda event: event.request == 8)
    assert dict(listed.moments) == {0: "beginning", 40: "checkpoint"}
    core.send(ListMoments(9, str(folder)))
    listed = core.wait_for(MomentList, where=lambda event: event.request == 9)
    assert listed.present is None
    assert dict(listed.moments) == {0: "beginning", 40: "checkpoint", 45: "checkpoint"}
    refused = rewind(core, 31)
    assert isinstance(refused, Rejected) and "the nearest before and after it: 0 and 40" in refused.reason
    event = rewind(core, 31, nearest=True)
    assert isinstance(event, StateChanged) and event.moment is not None
    assert (event.moment.step, event.reason) == (40, "Step 31 is not kept; this is step 40, the nearest that is.")
    event = rewind(core, 44, nearest=True)
    assert isinstance(event, StateChanged) and event.moment is None  # the present is nearest


def test_a_moment_is_forked_and_goes_its_parents_way(core: CoreClient, tmp_path: Path) -> None:
    parent = start(core, tmp_path, 8)
    core.send(SetValue("training.learning_rate", "0.02"))
    core.send(RunUntil(step=15))
    core.wait_for(StateChanged, where=lambda event: (event.state, event.step) == ("paused", 15))
    rewind(core, 9)
    begin = len(core.events)
    core.send(Fork(str(parent), "9", name="child"))
    event = core.wait_for((StateChanged, Rejected), after=begin)
    assert isinstance(event, StateChanged) and event.run is not None, event
    assert (event.state, event.step, event.begun, event.moment) == ("paused", 9, True, None)
    assert event.reason == f"{parent.name} is stopped and saved at step 15; this is its fork."
    child = Path(event.run.folder)
    assert read_run(parent)["status"] == "stopped"
    core.send(RunUntil(step=15))
    core.wait_for(StateChanged, where=lambda event: (event.state, event.step) == ("paused", 15))
    assert losses(child) == {step: loss for step, loss in losses(parent).items() if step > 9}
    core.send(Stop())
    core.wait_for(Finished)
    run = read_run(child)
    assert (run["title"], run["parent"]["run"], run["parent"]["step"]) == ("child", parent.name, 9)
    assert run["parent"]["config_hash"] != read_run(parent)["config_hash"]  # the rate was another by then
    assert verify(child).reproduced
    assert Experiment.open(parent).step == 15


def test_a_fork_takes_the_weights_of_a_moment_or_of_another_run_alone(core: CoreClient, tmp_path: Path) -> None:
    """It begins at step 0 of a schedule of its own, of fewer steps than its parent has made."""
    parent = start(core, tmp_path, 8)
    rewind(core, 6)
    then = norms(core)
    for at, steps in (("6", "4"), ("8", "5")):  # a moment in memory; then a checkpoint, for the fork is the open run
        begin = len(core.events)
        core.send(Fork(str(parent), at, (("training.max_steps", steps),), from_weights=True))
        event = core.wait_for(StateChanged, after=begin, where=lambda event: event.state == "paused")
        assert (event.step, event.max_steps) == (0, int(steps)) and event.run is not None
        assert (norms(core) == then) == (at == "6")
        recorded = read_run(Path(event.run.folder))
        assert (recorded["initial_weights"]["run"], recorded["initial_weights"]["step"]) == (parent.name, int(at))
        core.send(Resume())
        core.wait_for(Finished, after=begin)
        assert set(losses(Path(event.run.folder))) == set(range(1, int(steps) + 1))


def test_a_fork_that_cannot_be_leaves_the_run_as_it_is(core: CoreClient, tmp_path: Path) -> None:
    folder = start(core, tmp_path, 6)
    rewind(core, 3)
    before = answer(core)
    for at, change, complaint in [
        ("3", ("training.learning_rat", "1"), "learning_rat"),
        ("3", ("training.max_steps", "3"), "max_steps"),
        ("5000", ("training.learning_rate", "0.02"), "is open; stop it first"),
    ]:
        begin = len(core.events)
        core.send(Fork(str(folder), at, (change,)))
        refused = core.wait_for(Rejected, after=begin)
        assert complaint in refused.reason
    assert answer(core) == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    core.send(Step(1))
    core.wait_for(StateChanged, where=lambda event: (event.state, event.step) == ("paused", 7))


def test_a_finished_run_can_be_looked_back_on_and_forked(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path, steps=12)))
    core.wait_for(Finished)
    run = reach(core, "finished").run
    assert run is not None
    event = rewind(core, 7)
    assert isinstance(event, StateChanged) and event.moment is not None
    assert (event.state, event.moment.step) == ("finished", 7)
    begin = len(core.events)
    core.send(Fork(run.folder, "12", (("training.max_steps", "20"),)))
    event = core.wait_for((StateChanged, Rejected), after=begin)
    assert isinstance(event, StateChanged), event
    assert (event.state, event.step, event.max_steps) == ("paused", 12, 20)


def test_without_a_run_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    with CoreClient(log_folder=tmp_path, launch=fork_core) as core:
        core.wait_for(Ready)
        for command in (Rewind(3), Rewind(), ListMoments(1)):
            begin = len(core.events)
            core.send(command)
            assert "There is no run yet" in core.wait_for(Rejected, after=begin).reason


def test_an_older_checkpoint_that_stands_for_a_damaged_one_is_said_when_a_run_is_loaded_or_forked(
    tmp_path: Path,
) -> None:
    _, told = record(tmp_path, Start(config(tmp_path)), Stop())
    run = next(event.run for event in told if isinstance(event, StateChanged) and event.run)
    weights = Path(run.folder) / "checkpoints/step-000040/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    said = "step-000040 is damaged; this is step 20."
    for command in (Load(run.folder), Fork(run.folder)):
        _, told = record(tmp_path, command)
        reached = [event for event in told if isinstance(event, StateChanged) and event.state == "paused"]
        assert reached[0].reason == said and reached[0].step == 20
        assert any(isinstance(event, LogLine) and event.text == said for event in told)
