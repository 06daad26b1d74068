"""Going back to a moment of an open run: one sees the model of that step, forks it, and the run goes on as if not."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from lmcore.config import SamplingConfig, parse_config
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import agree
from lmcore.experiments.identity.own_code import read_own_file
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.verification.verification import verify
from lmcore.protocol.messages import LayerStatistics
from lmcore.training.checkpoints import CheckpointError
from tests.experiments.tiny import tiny, train, train_losses, weights

HOOKS = """
hooks:
  - {name: mean, kind: forward, use: mean, at: blocks.0.hook_mlp_out}
  - {name: late, kind: forward, use: scale, at: blocks.1.hook_mlp_out, with: {factor: 0.5}, from_step: 5}
"""


def create(runs_folder: Path, hooks: str = "", **values: object) -> Experiment:
    """A run that keeps its moments in memory."""
    experiment = Experiment.create(tiny(**values) + hooks, runs_folder=runs_folder, name="parent")
    experiment.moments.keep_snapshots()
    return experiment


def seen_weights(experiment: Experiment) -> dict[str, bytes]:
    """The weights that one looks at, bit for bit."""
    return {name: t.detach().numpy().tobytes() for name, t in experiment.moments.seen.model.named_parameters()}


def says(experiment: Experiment) -> str:
    """What the model that one looks at says."""
    pieces = experiment.generate("One day, ", SamplingConfig(max_tokens=12, temperature=1.0, seed=3))
    return "".join(piece.text for piece in pieces)


def files_of(folder: Path) -> Mapping[str, bytes]:
    """Everything of a run on disk."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_step_that_is_kept_is_seen_as_it_was(runs_folder: Path) -> None:
    experiment = create(runs_folder, HOOKS)
    were = {0: (weights(experiment), says(experiment), experiment.evaluate()["loss/val"])}
    while experiment.step < 8:
        experiment.advance()
        were[experiment.step] = (weights(experiment), says(experiment), experiment.evaluate()["loss/val"])
    assert experiment.moments.reachable() == {0: "beginning", **dict.fromkeys(range(1, 8), "memory")}
    for step in (3, 0, 7, 5, 8, 1):
        experiment.moments.look_at(step)
        assert (seen_weights(experiment), says(experiment), experiment.evaluate()["loss/val"]) == were[step]
        assert (experiment.step, experiment.moments.seen.steps_done) == (8, step)
    experiment.moments.leave()
    assert seen_weights(experiment) == weights(experiment) == were[8][0]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_that_was_looked_back_on_learns_the_same_bits(runs_folder: Path, optimizer: str) -> None:
    shared = {"training__optimizer": optimizer, "training__gradient_accumulation_steps": 2}
    plain = Experiment.create(tiny(**shared) + HOOKS, runs_folder=runs_folder, name="plain")
    train(plain)
    looking = create(runs_folder, HOOKS, **shared)
    while not looking.finished:
        looking.advance()
        for step in list(looking.moments.reachable())[::2]:
            looking.moments.look_at(step)
            says(looking)
            looking.evaluate()
    assert train_losses(looking.folder) == train_losses(plain.folder)
    assert len(train_losses(plain.folder)) == 12
    assert weights(looking) == weights(plain)
    assert verify(looking.folder).reproduced


def test_looking_writes_nothing(runs_folder: Path) -> None:
    experiment = create(runs_folder)
    train(experiment, until=7)
    before = files_of(experiment.folder)
    for step in experiment.moments.reachable():
        experiment.moments.look_at(step)
        says(experiment)
        experiment.evaluate()
    assert files_of(experiment.folder) == before


def test_the_values_that_acted_then_are_told(runs_folder: Path) -> None:
    experiment = create(runs_folder, HOOKS, other__norms_interval=2)
    train(experiment, until=4)
    experiment.set_value("training.learning_rate", "3e-3")
    train(experiment, until=7)
    experiment.set_value("hooks.late.enabled", "false")
    train(experiment, until=9)
    assert experiment.moments.record is None

    experiment.moments.look_at(3)
    record = experiment.moments.record
    assert record is not None and (record.step, record.source) == (3, "memory")
    assert parse_config(record.config_text).training.learning_rate == parent_rate()
    assert record.layers is not None and record.layers.step == 2
    assert [(hook.name, hook.enabled, hook.acting) for hook in record.hooks] == [
        ("mean", True, True),
        ("late", True, False),
    ]
    fired = record.hooks[0].firings
    experiment.moments.look_at(6)
    record = experiment.moments.record
    assert record is not None and parse_config(record.config_text).training.learning_rate == 3e-3
    assert [hook.acting for hook in record.hooks] == [True, True]
    assert record.hooks[0].firings > fired
    experiment.moments.look_at(7)  # the switch was made after step 7 was done: it acts from there on
    record = experiment.moments.record
    assert record is not None and not parse_config(record.config_text).hooks[1].enabled
    experiment.moments.look_at(0)
    record = experiment.moments.record
    assert record is not None and (record.source, record.layers) == ("beginning", None)


def test_a_run_that_was_opened_looks_back_to_its_checkpoints(runs_folder: Path) -> None:
    first = create(runs_folder, checkpointing__keep_last=9, checkpointing__keep_best="false")
    layers = [record for record in train(first) if isinstance(record, LayerStatistics)]
    said = {}
    for step in (5, 10):
        first.moments.look_at(step)
        said[step] = says(first)
    first.close("finished")
    again = Experiment.open(first.folder)
    assert again.moments.reachable() == {0: "beginning", 5: "checkpoint", 10: "checkpoint"}
    again.moments.look_at(10)
    assert says(again) == said[10]
    record = again.moments.record
    assert record is not None and record.layers == [found for found in layers if found.step <= 10][-1]
    again.moments.look_at(5)
    assert says(again) == said[5]
    earlier = Experiment.open(first.folder, "5")
    assert list(earlier.moments.reachable()) == [0]
    assert earlier.moments.nearest(4) == 5


def test_what_cannot_be_reached_is_answered_with_what_can(runs_folder: Path) -> None:
    only_disk = {"checkpointing__snapshot_megabytes": 0, "checkpointing__keep_best": "false"}
    experiment = create(runs_folder, checkpointing__keep_last=9, **only_disk)
    train(experiment, until=11)
    assert list(experiment.moments.reachable()) == [0, 5, 10]
    for step, complaint in [
        (7, "Step 7 .* is not kept; the nearest before and after it: 5 and 10"),
        (12, "has made 11 steps, so there is no step 12 to go back to"),
    ]:
        with pytest.raises(RunError, match=complaint):
            experiment.moments.look_at(step)
        with pytest.raises(RunError, match=complaint):
            experiment.fork_at(step)
    experiment.moments.look_at(5)
    with pytest.raises(RunError):
        experiment.moments.look_at(6)
    assert experiment.moments.seen.steps_done == 5
    assert [experiment.moments.nearest(step) for step in (2, 3, 8, 11, 99)] == [0, 5, 10, 11, 11]


@pytest.mark.parametrize("step", [0, 3, 5, 7, 9])
def test_a_fork_of_any_moment_goes_its_parents_way_and_is_verified(runs_folder: Path, step: int) -> None:
    parent = create(runs_folder, HOOKS, other__norms_interval=3)
    train(parent, until=4)
    parent.set_value("training.learning_rate", "3e-3")
    train(parent, until=6)
    parent.set_value("training.weight_decay", "0.2")
    train(parent, until=9)
    fork = parent.fork_at(step, name="child")
    assert (fork.step, fork.title, fork.run["parent"]["run"]) == (step, "child", parent.folder.name)
    assert (fork.run["parent"]["step"], fork.run["parent"]["id"]) == (step, parent.run["id"])
    assert fork.config.training.learning_rate == (3e-3 if step > 3 else parent_rate())
    assert fork.config.training.weight_decay == (0.2 if step > 5 else 0.1)
    train(parent, until=9 + (step == 9))
    until = parent.step
    while fork.step < until:
        if fork.step == 4 and step < 4:
            fork.set_value("training.learning_rate", "3e-3")
        if fork.step == 6 and step < 6:
            fork.set_value("training.weight_decay", "0.2")
        fork.advance()
    assert train_losses(fork.folder) == [(at, loss) for at, loss in train_losses(parent.folder) if at > step]
    assert weights(fork) == weights(parent)
    fork.save_checkpoint()
    fork.close("stopped")
    assert verify(fork.folder).reproduced
    train(parent)
    parent.close("finished")
    assert verify(parent.folder).reproduced


def parent_rate() -> float:
    """The learning rate that the tiny run begins with."""
    return 1e-3


def test_a_fork_with_one_thing_changed(runs_folder: Path) -> None:
    parent = create(runs_folder)
    train(parent, until=7)
    for key, value in [("training.optimizer", "lion"), ("other.seed", "5"), ("model.dropout", "0.3")]:
        fork = parent.fork_at(4, [(key, value)])
        assert fork.step == 4
        train(fork, until=6)
        fork.close("stopped")
        assert verify(fork.folder).reproduced
        assert parent.fork_at(0, [(key, value)]).step == 0
    wider = parent.fork_at(0, [("model.d_model", "32")])
    train(wider, until=1)
    with pytest.raises(CheckpointError, match=r"does not fit"):
        parent.fork_at(4, [("model.d_model", "32")])
    with pytest.raises(RunError, match=r"needs training.max_steps above 4"):
        parent.fork_at(4, [("training.max_steps", "4")])
    assert parent.step == 7
    train(parent)


def test_a_fork_takes_its_parents_text_without_reading_it_again(
    runs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = create(runs_folder)
    train(parent, until=4)
    for room in ("opened", "creation"):
        monkeypatch.setattr(f"lmcore.experiments.{room}.prepare", lambda *_, **__: pytest.fail("it was read again"))
    fork = parent.fork_at(3)
    assert fork.dataset is parent.dataset
    assert parent.fork_at(0).dataset is parent.dataset


def test_own_code_is_that_of_the_moment(runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))
    code = 'from lmcore.hooks.catalogue import hook\n\n\n@hook("forward")\ndef half(x, point):\n    return x * %s\n'
    (tmp_path / "my_hooks.py").write_text(code % 0.5)
    hooks = "hooks:\n  - {name: mine, kind: forward, use: my_hooks.py:half, at: blocks.0.hook_mlp_out}\n"
    parent = Experiment.create(
        tiny(checkpointing__keep_last=9) + hooks, runs_folder=runs_folder, config_folder=tmp_path, allow_code=True
    )
    parent.moments.keep_snapshots()
    train(parent, until=6)
    said = says(parent)
    (tmp_path / "my_hooks.py").write_text(code % 0.25)
    file = read_own_file(tmp_path / "my_hooks.py")
    agree([file.digest])
    parent.use_file(file)
    train(parent, until=8)
    parent.moments.look_at(5)
    assert parent.moments.seen.own.sources["my_hooks.py"] == code % 0.5
    parent.moments.look_at(6)
    assert parent.moments.seen.own.sources["my_hooks.py"] == code % 0.25
    assert says(parent) != said
    fork = parent.fork_at(5)
    train(fork, until=6)
    assert says(fork) == said
    parent.close("stopped")


def test_snapshots_cost_a_headless_run_nothing(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    monkeypatch.setattr("lmcore.training.snapshots.take_snapshot", lambda *_: pytest.fail("it was copied"))
    train(experiment)
    assert "memory" not in experiment.moments.reachable().values()


def test_tensors_of_a_moment_are_its_own(runs_folder: Path) -> None:
    experiment = create(runs_folder)
    train(experiment, until=3)
    experiment.moments.look_at(2)
    before = weights(experiment)
    with torch.no_grad():
        for parameter in experiment.moments.seen.model.parameters():
            parameter.zero_()
    assert weights(experiment) == before
    experiment.moments.look_at(2)
    assert any(any(value) for value in seen_weights(experiment).values())
