"""What differs between two recipes, by its meaning, and whether that is one change."""

import pytest
from hypothesis import given, settings

from lmcore.config import TrainingConfig, parse_config
from lmcore.experiments.identity.identity import config_hash
from lmcore.experiments.identity.one_change import Comparison, Recipe, TooManyChanges, compare
from tests.config.strategies import configs

HOOK = "{name: a, use: noise, at: hook_embed, with: {std: 0.1}}"


def compared(old: str, new: str) -> Comparison:
    return compare(Recipe(parse_config(old)), Recipe(parse_config(new)))


def names(comparison: Comparison) -> list[str]:
    return [change.name for change in comparison.changes]


@settings(max_examples=150, deadline=None)
@given(configs(), configs())
def test_what_is_learned_differs_exactly_where_the_hashes_do(a: TrainingConfig, b: TrainingConfig) -> None:
    found = compare(Recipe(a), Recipe(b))
    learned = [leaf for change in found.changes for leaf in change.leaves if leaf.key != "dataset.path"]
    assert bool(learned) == (config_hash(a) != config_hash(b))
    assert (found.seed is not None) == (a.other.seed != b.other.seed)
    assert not compare(Recipe(a), Recipe(a)).changes


@settings(max_examples=50, deadline=None)
@given(configs(), configs())
def test_both_directions_find_the_same_changes(a: TrainingConfig, b: TrainingConfig) -> None:
    there, back = compare(Recipe(a), Recipe(b)), compare(Recipe(b), Recipe(a))
    assert sorted(names(there)) == sorted(names(back))
    assert there.kind == back.kind


@pytest.mark.parametrize(
    ("new", "kind", "changes"),
    [
        ("", "none", []),
        ("other: {seed: 2}", "none", []),
        ("evaluation: {interval: 7}\nother: {name: x, device: cpu}", "none", []),
        ("model: {norm: rmsnorm}", "one", ["model.norm"]),
        ("model: {norm: rmsnorm}\nother: {seed: 2}", "one", ["model.norm"]),
        ("training: {max_steps: 800, schedule: linear, warmup_steps: 20}", "one", ["the schedule"]),
        ("model: {d_model: 256, n_heads: 8}", "one", ["the width"]),
        ("model: {d_model: 256, mlp: swiglu}", "confounded", ["model.d_model", "model.mlp"]),
        ("training: {max_steps: 8, beta1: 0.8, warmup_steps: 2}", "confounded", ["the schedule", "training.beta1"]),
        ("dataset: {source: file, path: a.txt}", "one", ["the text"]),
    ],
)  # fmt: skip
def test_what_is_one_change(new: str, kind: str, changes: list[str]) -> None:
    found = compared("", new)
    assert (found.kind, names(found)) == (kind, changes)


@pytest.mark.parametrize(
    ("new", "changes"),
    [
        (f"[{HOOK}]", []),
        ("[]", ["hooks.a"]),
        ("[{name: a, use: noise, at: hook_embed, with: {std: 0.10}, enabled: true}]", []),
        ("[{name: a, use: noise, at: hook_embed, with: {std: 0.1}, enabled: false}]", ["hooks.a.enabled"]),
        ("[{name: a, use: noise, at: hook_embed, with: {std: 0.2}}]", ["hooks.a.with.std"]),
        ("[{name: a, use: noise, at: hook_pos_embed, with: {std: 0.2}}]", ["hooks.a.at", "hooks.a.with.std"]),
        ("[{name: a, use: scale, at: hook_embed, with: {factor: 2}}]", ["hooks.a"]),
        ("[{name: b, use: noise, at: hook_embed, with: {std: 0.1}}]", ["hooks.a.name"]),
        (f"[{HOOK}, {{name: off, use: zero, enabled: false}}]", []),
        (f"[{HOOK}, {{name: b, use: zero, at: hook_embed}}]", ["hooks.b"]),
        (
            "[{name: a, use: noise, at: hook_embed, with: {std: 0.1}, from_step: 5, until_step: 9}]",
            ["the window of a"],
        ),
    ],
)
def test_hooks_are_compared_one_by_one(new: str, changes: list[str]) -> None:
    assert names(compared(f"hooks: [{HOOK}]", f"hooks: {new}")) == changes


def test_the_order_of_hooks_that_act_is_a_change() -> None:
    other = "{name: b, use: zero, at: hook_embed}"
    assert names(compared(f"hooks: [{HOOK}, {other}]", f"hooks: [{other}, {HOOK}]")) == ["the order of hooks"]


def test_another_path_is_another_text_unless_it_is_known_to_be_the_same() -> None:
    old, new = (parse_config(f"dataset: {{source: file, path: {path}}}") for path in ("a.txt", "b/a.txt"))
    assert names(compare(Recipe(old), Recipe(new))) == ["dataset.path"]
    moved = compare(Recipe(old, data="x"), Recipe(new, data="x"))
    assert names(moved) == [] and [leaf.key for leaf in moved.presentation] == ["dataset.path"]
    rewritten = compare(Recipe(old, data="x"), Recipe(old, data="y"))
    assert names(rewritten) == ["the text itself"]


def test_an_own_file_that_was_edited_is_a_change() -> None:
    config = parse_config("hooks: [{name: a, use: 'mine.py:f', at: hook_embed}]")
    found = compare(Recipe(config, code={"mine.py": "aa"}), Recipe(config, code={"mine.py": "bb"}))
    assert names(found) == ["code of mine.py"]


def test_the_sentences_say_what_weakens_a_comparison() -> None:
    found = compared("", "model: {norm: rmsnorm}\nevaluation: {stride: 128}\nother: {seed: 2}")
    assert found.words == "one change: model.norm layernorm → rmsnorm"
    assert "not paired" in found.notes[0] and "evaluation.stride differs" in found.notes[1]
    assert compared("", "").words == "no change: a repetition"
    assert compared("", "other: {seed: 2}").words == "another seed: 1 → 2"


def test_the_refusal_lists_every_change_with_its_values() -> None:
    found = compared("", "model: {norm: rmsnorm}\ntraining: {max_steps: 8, warmup_steps: 2}\nhooks: [" + HOOK + "]")
    error = TooManyChanges("its baseline b", found)
    assert str(error).splitlines()[1:4] == [
        "  - model.norm layernorm → rmsnorm",
        "  - the schedule: training.max_steps 4000 → 8, training.warmup_steps 100 → 2",
        "  - hooks.a none → {use: noise, at: hook_embed, with: {std: 0.1}}",
    ]


def test_a_value_that_looks_alike_is_not_the_same() -> None:
    one, true = (f"hooks: [{{name: a, use: x, with: {{on: {value}}}}}]" for value in ("1", "true"))
    assert names(compared(one, true)) == ["hooks.a.with.on"]
    assert names(compared(one, one.replace("1", "1.0"))) == []
