"""What an ablation may compare: one leaf at a time, over shared seeds."""

import dataclasses

import pytest

from lmcore.config import ConfigError, differences, parse_config, set_in_text
from lmcore.experiments.ablation.plan import BASELINE, Ablation, AblationError, plan_ablation
from lmcore.experiments.comparison.verdict import TooFewSeeds
from tests.experiments.tiny import TINY

HOOKED = TINY + "hooks: [{name: a, use: zero, at: '*hook_mlp_out'}, {name: b, use: zero, at: '*hook_attn_out'}]\n"


def planned(*changes: str, text: str = TINY, seeds: int = 3, **options: str) -> Ablation:
    return plan_ablation(text, "configs/tiny.yaml", changes, seeds=seeds, **options)  # type: ignore[arg-type]


def test_arms_differ_from_the_base_in_one_leaf_and_share_seeds() -> None:
    ablation = planned("training.optimizer=muon", "model.norm = rmsnorm", text=set_in_text(TINY, "other.seed", "7"))
    assert [arm.name for arm in ablation.arms] == [BASELINE, "training.optimizer=muon", "model.norm=rmsnorm"]
    assert ablation.seeds == (7, 8, 9)
    base = ablation.baseline.config
    assert [[d.key for d in differences(base, arm.config)] for arm in ablation.arms[1:]] == [
        ["training.optimizer"],
        ["model.norm"],
    ]


def test_all_runs_judge_the_whole_split_with_one_thread() -> None:
    for arm in planned("model.bias=true").arms:
        assert (arm.config.evaluation.batches, arm.config.other.threads) == (0, 1)
    overridden = plan_ablation(TINY, "tiny", ["model.bias=true"], seeds=2, overrides=[("other.threads", "2")])
    assert {arm.config.other.threads for arm in overridden.arms} == {2}


def test_fewer_steps_shorten_the_warm_up_of_all_arms_or_of_one() -> None:
    steps = [("training.max_steps", "1")]
    ablation = plan_ablation(TINY, "tiny", ["model.bias=true"], seeds=2, overrides=steps)
    assert {arm.config.training.warmup_steps for arm in ablation.arms} == {1} and len(ablation.notes) == 1
    (arm,) = planned("training.max_steps=1").arms[1:]
    assert arm.config.training.warmup_steps == 1 and parse_config(arm.text) == arm.config
    assert planned("training.max_steps=1").notes and not planned("model.bias=true").notes


def test_a_name_stays_the_same_for_the_same_comparison() -> None:
    one, other = planned("model.bias=true", "model.norm=rmsnorm"), planned("model.norm=rmsnorm", "model.bias=true")
    assert one.name == other.name and one.name.startswith("tiny-")
    assert planned("model.bias=true").name != one.name
    assert planned("model.bias=true", name="Mine / ../x").folder.name == "mine-x"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], "at least one change"),
        (["model.bias"], "KEY=VALUE"),
        (["model.dropout=0.1"], "says already"),
        (["model.dropout=1e-1"], "says already"),
        (["other.seed=5"], "nothing that the model learns"),
        (["evaluation.interval=2"], "nothing that the model learns"),
        (["model.bias=true,training.optimizer=muon"], "more than one change"),
        (["model.bias=true training.optimizer=muon"], "more than one change"),
        (["model.bias=true", "model.bias=True"], "same change"),
    ],
)
def test_what_is_not_one_change_is_refused(changes: list[str], said: str) -> None:
    with pytest.raises(AblationError, match=said):
        planned(*changes)


def test_two_hooks_switched_at_once_are_two_changes() -> None:
    off = "[{name: a, use: zero, at: '*hook_mlp_out', enabled: false}, {name: b, use: zero, at: '*hook_attn_out', "
    with pytest.raises(AblationError, match=r"more than one change \(hooks\.a\.enabled, hooks\.b\.enabled\)"):
        planned(f"hooks={off}enabled: false}}]", text=HOOKED)
    assert planned("hooks.0.enabled=false", text=HOOKED).arms[1].name == "hooks.0.enabled=false"


@pytest.mark.parametrize("between", [" ", ", ", ","])
def test_keys_that_belong_together_are_one_change(between: str) -> None:
    arm = planned(f"training.schedule=linear{between}training.max_steps=8", "model.bias=true").arms[1]
    assert arm.name == "training.schedule=linear training.max_steps=8"
    assert (arm.config.training.schedule, arm.config.training.max_steps) == ("linear", 8)


def test_keys_that_do_not_belong_together_are_several_changes() -> None:
    with pytest.raises(AblationError, match=r"\(the schedule, training.optimizer\)"):
        planned("training.schedule=linear training.max_steps=8 training.optimizer=muon")


@pytest.mark.parametrize("change", ["training.optimiser=muon", "model.norm=batchnorm", "model.n_heads=3"])
def test_keys_and_values_that_cannot_be_are_refused(change: str) -> None:
    with pytest.raises(ConfigError, match=change.partition("=")[0]):
        planned(change)


def test_one_seed_is_too_few() -> None:
    with pytest.raises(TooFewSeeds, match="two seeds"):
        planned("model.bias=true", seeds=1)


def test_a_plan_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        planned("model.bias=true").name = "other"  # type: ignore[misc]
