"""The config hash depends on what is learned, and on nothing else."""

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import lmcore.experiments.identity as identity
from lmcore.config import SECTIONS, HookConfig, TrainingConfig, is_learned, parse_config, section_type
from lmcore.experiments.identity import canonical, code_digest, config_hash, differing_values, learned_values, run_id

LEARNED = {
    "training.max_steps": st.integers(100, 5000),
    "training.learning_rate": st.sampled_from([0.001, 0.01, 1.0, 2.0]),
    "training.weight_decay": st.sampled_from([0.0, 0.1, 1.0]),
    "model.d_model": st.sampled_from([32, 64, 128]),
    "model.bias": st.booleans(),
    "dataset.tales_megabytes": st.sampled_from([1.0, 2.0, 8.0]),
}
NOT_LEARNED = {
    "other.seed": st.integers(0, 1000),
    "other.name": st.text("abc", max_size=5),
    "dataset.path": st.text("abc/", max_size=5),
    "other.threads": st.integers(0, 8),
    "evaluation.interval": st.integers(0, 500),
    "checkpointing.keep_last": st.integers(1, 9),
    "sampling.temperature": st.sampled_from([0.0, 0.5, 1.0]),
}
GOLDEN = "24235bb4e21fd26d4c134d063912ea07cddda1c02635787e7c06855b4177467d"
"""What that configuration hashes to, now and in every later version."""

few = settings(max_examples=40, deadline=None)


def text_of(values: dict[str, Any], whole_as_integer: bool = False) -> str:
    """YAML of dotted values in their given order."""
    lines = []
    for section in dict.fromkeys(key.split(".")[0] for key in values):
        lines.append(f"{section}:")
        for key, value in values.items():
            if key.split(".")[0] == section:
                if whole_as_integer and isinstance(value, float) and value.is_integer():
                    value = int(value)
                shown = str(value).lower() if isinstance(value, bool) else repr(value)
                lines.append(f"    {key.split('.')[1]}:   {shown}  # a remark")
    return "\n".join(lines) + "\n"


def hash_of(values: dict[str, Any], **how: bool) -> str:
    return config_hash(parse_config(text_of(values, **how)))


@few
@given(st.fixed_dictionaries({}, optional=LEARNED), st.randoms(use_true_random=False))
def test_neither_order_nor_spelling_matters(values: dict[str, Any], random: Any) -> None:
    shuffled = dict(random.sample(sorted(values.items()), len(values)))
    assert hash_of(values) == hash_of(shuffled) == hash_of(values, whole_as_integer=True)


@few
@given(st.fixed_dictionaries({}, optional=LEARNED), st.fixed_dictionaries({}, optional=NOT_LEARNED))
def test_what_is_not_learned_takes_no_part(values: dict[str, Any], others: dict[str, Any]) -> None:
    assert hash_of(values) == hash_of({**values, **others})


@few
@given(st.fixed_dictionaries(LEARNED), st.fixed_dictionaries(LEARNED))
def test_different_learned_values_have_different_hashes(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert (hash_of(a) == hash_of(b)) == (a == b)


def test_every_default_written_out_is_the_empty_configuration() -> None:
    values = {
        f"{section}.{name}": value
        for section in SECTIONS
        for name, value in getattr(TrainingConfig(), section).model_dump().items()
        if value is not None and is_learned(section_type(section).model_fields[name])
    }
    assert hash_of(values) == hash_of({}) == config_hash(TrainingConfig())


def test_a_field_added_with_its_default_changes_no_old_hash() -> None:
    """The hash is taken over these values alone, and a new field is among them only when it differs."""
    config = parse_config("model: {d_model: 64}\ntraining: {learning_rate: 2}\nother: {seed: 9}\n")
    assert learned_values(config) == {"model.d_model": 64, "training.learning_rate": 2}
    assert config_hash(config) == GOLDEN


def test_hooks_count_in_their_order_when_they_are_on() -> None:
    first = HookConfig(name="a", use="noise", at="hook_embed", **{"with": {"scale": 1}})
    same = HookConfig(name="a", use="noise", at="hook_embed", **{"with": {"scale": 1.0}})
    second = HookConfig(name="b", use="noise", at="hook_embed", **{"with": {"scale": 2}})
    off = HookConfig(name="c", use="noise", enabled=False)
    hashes = [config_hash(TrainingConfig(hooks=hooks)) for hooks in ((first,), (first, second), (second, first), ())]
    assert len(set(hashes)) == 4
    assert config_hash(TrainingConfig(hooks=(same, off))) == hashes[0]
    renamed = first.model_copy(update={"name": "c"})  # the random draws of a hook depend on its name
    assert config_hash(TrainingConfig(hooks=(renamed,))) != hashes[0]


@few
@given(st.recursive(st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans(), st.lists, max_leaves=5))
def test_canonical_keeps_the_meaning(value: Any) -> None:
    assert canonical(value) == value
    assert canonical(canonical(value)) == canonical(value)


def test_differing_values_are_all_that_is_not_at_its_default() -> None:
    assert differing_values(TrainingConfig()) == {}
    text = "other: {seed: 7}\nmodel: {dropout: 0.5, n_layers: 4}\nhooks: [{name: a, use: zero, with: {x: .inf}}]\n"
    found = differing_values(parse_config(text))
    assert found == {"other.seed": 7, "model.dropout": 0.5, "hooks": [{"name": "a", "use": "zero"}]}
    json.dumps(found, allow_nan=False)


def test_canonical_tells_infinity_and_booleans_apart() -> None:
    assert canonical(math.inf) == math.inf
    assert canonical({"b": 1.0, "a": (True, 2.5)}) == {"a": [True, 2.5], "b": 1}
    assert canonical(True) is True


def test_the_code_digest_follows_the_sources(tmp_path: Any, monkeypatch: Any) -> None:
    package = tmp_path / "lmcore"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(identity.lmcore, "__file__", str(package / "__init__.py"))

    def digest(name: str, content: str) -> str:
        (package / name).write_text(content)
        return code_digest.__wrapped__()

    digests = [digest("a.py", "x = 1"), digest("a.py", "x = 2"), digest("b.py", "")]
    assert len(set(digests)) == 3
    assert digest("note.txt", "not code") == digests[-1]


def test_the_run_id_joins_configuration_seed_data_and_code() -> None:
    ids = {run_id("c", 1, "d", "e"), run_id("x", 1, "d", "e"), run_id("c", 2, "d", "e"), run_id("c", 1, "x", "e")}
    assert len(ids | {run_id("c", 1, "d", "x")}) == 5
    assert run_id("c", 1, "d", "e") == run_id("c", 1, "d", "e")
