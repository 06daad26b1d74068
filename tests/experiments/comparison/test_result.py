"""Real runs are compared: other seeds, one change, forks; and damaged ones as far as they can be read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.experiments.comparison.page import markdown
from lmcore.experiments.comparison.result import as_json, compare
from lmcore.experiments.comparison.samples import sample_steps, samples_at
from lmcore.experiments.comparison.tables import difference_table, outcome_table, setting_table, verdict
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.verification.checkpoint_differences import compare_checkpoints
from tests.experiments.comparison.made import judged_rows, make_run, step_rows
from tests.experiments.tiny import TINY, tiny, train


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the runs of this file."""
    return tmp_path_factory.mktemp("runs")


def trained(runs: Path, name: str, until: int = 10**9, **values: object) -> Path:
    experiment = Experiment.create(tiny(**values), runs_folder=runs, name=name)
    train(experiment, until=until)
    experiment.close("finished" if experiment.finished else "stopped")
    return experiment.folder


def forked(parent: Path, name: str, changes: Sequence[tuple[str, str]] = ()) -> Path:
    fork = Experiment.fork(parent, "5", changes, runs_folder=parent.parent, name=name)
    train(fork)
    fork.close("finished")
    return fork.folder


@pytest.fixture(scope="module")
def first(runs: Path) -> Path:
    """The run that others are compared with."""
    return trained(runs, "first", checkpointing__keep_last=9, other__norms_interval=1)


def test_a_change_and_its_seeds(runs: Path, first: Path) -> None:
    changed = {"training__weight_decay": "0.5", "other__norms_interval": 1}
    folders = [
        first,
        trained(runs, "changed", **changed),
        trained(runs, "first-2", other__seed=2, other__norms_interval=1),
        trained(runs, "changed-2", other__seed=2, **changed),
    ]
    found = compare(folders)
    assert [group.letters for group in found.groups] == ["a c", "b d"]
    assert [(s.key, s.meaning, s.values) for s in found.settings if s.meaning in ("learned", "seed")] == [
        ("training.weight_decay", "learned", ("0.1", "0.5", "0.1", "0.5")),
        ("other.seed", "seed", ("1", "1", "2", "2")),
    ]
    assert [change.words for change in found.changes] == [
        "one change: training.weight_decay 0.1 → 0.5",
        "another seed: 1 → 2",
        "one change: training.weight_decay 0.1 → 0.5",
    ]
    decay, seed, _ = found.first_differences
    # The first update of the other weight decay differs, and from the second step on what is learned.
    assert decay.layer is not None and (decay.step, decay.layer.kind, decay.layer.name) == (1, "update", "embed.weight")
    assert seed.layer is not None and (seed.step, seed.metric, seed.layer.kind) == (1, "loss/train", "weight")
    (difference,) = found.differences("loss/val")
    assert (difference.noise, difference.seeds) == ("paired", (2, 2)) and list(difference.positions) == [4, 8, 12]
    assert "2 seeds paired" in verdict(found, difference, "loss/val", "step")
    headings, rows = difference_table(difference, "loss/val", "step")
    assert headings == ("step", "a c", "b d", "difference", "95 % band of seed noise") and rows[-1][0] == "12"
    assert found.target == pytest.approx(difference.ours[-1])
    plain = json.loads(json.dumps(as_json(found, "loss/val", "tokens"), default=str))
    assert plain["groups"] == [["a", "c"], ["b", "d"]] and len(plain["differences"][0]["mean"]) == 3


def test_a_run_trained_again_is_identical(runs: Path, first: Path) -> None:
    again = trained(runs, "again", checkpointing__keep_last=9, other__norms_interval=1)
    found = compare([first, again])
    assert found.first_differences[0].sentences == ["a and b are identical bit for bit over 12 logged steps in common."]
    assert [group.letters for group in found.groups] == ["a", "b"]
    (difference,) = found.differences("loss/train")
    assert len(difference.mean) == 12 and not any(difference.mean)
    assert compare_checkpoints(first, again).sentence == (
        "The checkpoints of steps 4, 5, 8, 10, 12 are the same bit for bit."
    )


def test_other_seeds_alone_are_seed_noise(runs: Path, first: Path) -> None:
    found = compare([first, trained(runs, "seed-3", other__seed=3)])
    assert len(found.groups) == 1 and any("their seed alone" in note for note in found.notes)
    (difference,) = found.differences("loss/val")
    assert "this is seed noise" in verdict(found, difference, "loss/val", "step")


def test_a_fork_with_a_change_parts_in_its_first_step(runs: Path, first: Path) -> None:
    same, other = forked(first, "same"), forked(first, "other", [("training.learning_rate", "5e-3")])
    found = compare([first, same, other])
    identical, changed = found.first_differences
    assert identical.step is None and identical.common == 7
    assert (changed.step, changed.metric, changed.identical) == (6, "learning_rate", 0)
    assert changed.layer is not None and (changed.layer.step, changed.layer.kind) == (6, "update")
    assert sum("record begins after step 5" in note for note in found.notes) == 2
    checkpoints = compare_checkpoints(first, other)
    assert checkpoints.identical == (5,) and checkpoints.difference is not None and checkpoints.difference.step == 8


def test_fields_that_belong_together_are_one_change(tmp_path: Path) -> None:
    longer = TINY.replace("max_steps: 12", "max_steps: 20").replace("warmup_steps: 2", "warmup_steps: 4")
    found = compare([make_run(tmp_path, "a", []), make_run(tmp_path, "b", [], config=longer)])
    assert found.changes[0].words.startswith("one change: the schedule")
    assert {setting.group for setting in found.settings} == {"schedule"} and len(setting_table(found)[1]) == 2


def test_a_change_on_the_way_is_a_difference(runs: Path, first: Path) -> None:
    experiment = Experiment.create(tiny(other__norms_interval=1), runs_folder=runs, name="on-the-way")
    train(experiment, until=3)
    experiment.set_value("training.learning_rate", "5e-3")
    train(experiment)
    experiment.close("finished")
    found = compare([first, experiment.folder])
    assert [group.letters for group in found.groups] == ["a", "b"]
    (change,) = [setting for setting in found.settings if setting.meaning == "learned"]
    assert change.key == "training.learning_rate after step 3" and change.values == ("–", "0.001 → 0.005")
    assert found.first_differences[0].step == 4


def test_other_text_other_tokens_and_other_judging_are_said(tmp_path: Path) -> None:
    made = {
        "a": make_run(tmp_path, "a", step_rows([1.0])),
        "tokens": make_run(
            tmp_path,
            "tokens",
            [*step_rows([1.0]), {"step": 1, "loss/val": 1.0, "bits_per_byte/val": 2.0}],
            config=TINY.replace("tales_megabytes: 0.02", "tales_megabytes: 0.02, tokenizer: byte"),
            data_fingerprint="d1",
            tokenizer_fingerprint="t1",
        ),
        "text": make_run(
            tmp_path,
            "text",
            step_rows([1.0]),
            config=TINY.replace("tales_megabytes: 0.02", "tales_megabytes: 0.03"),
            data_fingerprint="d2",
        ),
        "changed": make_run(tmp_path, "changed", step_rows([1.0]), data_fingerprint="d3"),
        "judged": make_run(tmp_path, "judged", step_rows([1.0]), config=TINY.replace("batches: 2", "batches: 3")),
    }
    said = {name: compare([made["a"], folder]) for name, folder in made.items() if name != "a"}
    assert said["tokens"].metric == "bits_per_byte/val" and "other tokens" in said["tokens"].notes[0]
    assert "different texts" in said["text"].notes[0]
    assert "has changed between them" in said["changed"].notes[0]
    assert "evaluation.batches differs" in said["judged"].notes[0]


def test_where_a_run_is_not_judged_yet_training_losses_are_compared(tmp_path: Path) -> None:
    judged = make_run(tmp_path, "a", [*step_rows([2.0, 1.0]), *judged_rows({2: 1.5})])
    young, empty = make_run(tmp_path, "b", step_rows([2.0])), make_run(tmp_path, "c", [])
    assert compare([judged, young, empty]).metric == "loss/train"
    assert compare([judged, empty]).metric == "loss/val"


def test_a_damaged_run_is_compared_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    whole = make_run(tmp_path, "whole", [*step_rows([2.0, 1.0]), *judged_rows({2: 1.5})], samples=[(2, "day")])
    damaged = make_run(tmp_path, "damaged", step_rows([2.0, 1.0]), seed=2)
    (damaged / "run.json").write_text('{"ti')
    (damaged / "config.yaml").write_text("model: {d_model: many}\n")
    with (damaged / "metrics.jsonl").open("a") as file:
        file.write("nonsense\n")
    (damaged / "samples.jsonl").unlink()
    found = compare([whole, damaged])
    said = " ".join(found.notes)
    assert "run.json is damaged" in said and "config.yaml is damaged" in said and "1 damaged line is left out" in said
    assert found.first_differences[0].step is None
    headings, rows = outcome_table(found)
    assert headings == ("", "a", "b") and ("validation loss", "1.5000", "–") in rows
    assert found.changes[0].words == "its configuration is not known"
    assert [sample.letter for sample in samples_at(found.runs)] == ["a"]


def test_how_soon_the_end_of_the_first_was_reached(tmp_path: Path) -> None:
    first = make_run(tmp_path, "a", judged_rows({4: 2.0, 8: 0.9, 12: 1.0}))
    fast = make_run(tmp_path, "b", judged_rows({4: 1.0, 8: 0.5, 12: 0.4}))
    slow = make_run(tmp_path, "c", judged_rows({4: 3.0, 8: 2.5, 12: 1.1}))
    found = compare([first, fast, slow])
    assert found.target == 1.0  # what it ended with, not its best
    assert [(o.tokens_to_reach, o.seconds_to_reach) for o in found.outcomes] == [(80, 4.0), (40, 2.0), (None, None)]


def test_samples_stand_beside_each_other_at_a_common_step(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", step_rows([1.0]), samples=[(4, "a4"), (8, "a8"), (12, "a12")])
    b = make_run(tmp_path, "b", step_rows([1.0]), samples=[(4, "b4"), (8, "b8")])
    runs = compare([a, b]).runs
    assert sample_steps(runs) == [4, 8]
    assert [(s.step, s.text) for s in samples_at(runs)] == [(8, "a8"), (8, "b8")]
    assert [(s.step, s.text) for s in samples_at(runs, 4)] == [(4, "a4"), (4, "b4")]
    assert [s.text for s in samples_at(runs, 12)] == ["a12"]


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"], ["a", "nothing"]])
def test_what_cannot_be_compared_is_refused(tmp_path: Path, names: list[str]) -> None:
    make_run(tmp_path, "a", step_rows([1.0]))
    with pytest.raises(RunError):
        compare([tmp_path / name for name in names])


JUNK = st.one_of(st.none(), st.integers(-(10**400), 10**400), st.text(max_size=4), st.lists(st.integers(), max_size=2),
                 st.dictionaries(st.text(max_size=3), st.integers(), max_size=2))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    identity=st.dictionaries(
        st.sampled_from(["config_hash", "seed", "parent", "own_code", "environment", "floor", "data_fingerprint",
                         "tokenizer_fingerprint", "title", "device", "max_steps"]),
        JUNK,
    ),
    rows=st.lists(st.dictionaries(st.sampled_from(["step", "tokens", "loss/train", "loss/val"]), JUNK), max_size=6),
)  # fmt: skip
def test_whatever_stands_in_a_run_it_is_compared_or_refused(
    tmp_path_factory: pytest.TempPathFactory, identity: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    whole = make_run(folder, "a", [*step_rows([2.0, 1.0]), *judged_rows({2: 1.5})])
    odd = make_run(folder, "b", [*rows, *step_rows([2.0, 1.5])])
    run = json.loads((odd / "run.json").read_text())
    (odd / "run.json").write_text(json.dumps({**run, **identity}))
    for folders in ([whole, odd], [odd, whole]):
        found = compare(folders)
        (difference,) = found.differences(found.metric)
        assert verdict(found, difference, found.metric, "step") and markdown(found, "loss/train", "step", [""], [])


def test_a_run_that_is_confounded_says_so_in_every_comparison(tmp_path: Path) -> None:
    one, other = make_run(tmp_path, "a", []), make_run(tmp_path, "b", [], confounded="in a hurry")
    assert "b is confounded: it made several changes at once, because: in a hurry" in compare([one, other]).notes
