"""The config hash depends on what is learned, and on nothing else."""

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lmcore.experiments.identity.identity as identity
from lmcore.config import (
    SECTIONS,
    ConfigError,
    HookConfig,
    TrainingConfig,
    field_of,
    get_from_config,
    is_learned,
    leaf_keys,
    parse_config,
    section_type,
    to_yaml_value,
    with_value,
)
from lmcore.config.values import to_dict
from lmcore.experiments.identity.identity import (
    canonical,
    code_digest,
    config_hash,
    differing_values,
    learned_values,
    run_id,
)
from tests.config.strategies import changes, configs, plain_values

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

MODEL_DEFAULTS = {
    "d_model": 128, "n_layers": 4, "n_heads": 4, "d_mlp": None, "context_length": 256, "positions": "learned",
    "rotary_base": 10000.0, "norm": "layernorm", "norm_epsilon": 1e-5, "mlp": "gelu", "bias": False, "dropout": 0.0,
    "tied_head": True, "qk_norm": False, "attention_scale": None, "logit_soft_cap": 0.0, "initial_std": 0.02,
    "zero_init_projections": False,
}  # fmt: skip
DEFAULTS = {
    "training.max_steps": 4000, "training.batch_size": 16, "training.gradient_accumulation_steps": 1,
    "training.batch_ramp_start": None, "training.batch_ramp_steps": 0, "training.optimizer": "adamw",
    "training.learning_rate": 1e-3, "training.min_learning_rate": 1e-4, "training.schedule": "cosine",
    "training.warmup_steps": 100, "training.decay_steps": 0, "training.beta1": 0.9, "training.beta2": 0.99,
    "training.epsilon": 1e-8, "training.weight_decay": 0.1, "training.momentum": 0.9,
    "training.muon_learning_rate": 0.02, "training.muon_momentum": 0.95, "training.muon_newton_schulz_steps": 5,
    "training.gradient_clip": 1.0, "dataset.source": "tales", "dataset.download": "tiny-shakespeare",
    "dataset.tales_megabytes": 8.0, "dataset.tales_seed": 1, "dataset.validation_fraction": 0.1,
    "dataset.tokenizer": "char", "dataset.bpe_vocabulary": 1024, "dataset.unknown": "replace",
    "dataset.order": "random",
}  # fmt: skip

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


def otherwise_spelled(value: Any) -> Any:
    """The same value with whole floats as integers, integers as floats, and mappings the other way round."""
    if isinstance(value, dict):
        return {key: otherwise_spelled(value[key]) for key in reversed(value)}
    if isinstance(value, list | tuple):
        return [otherwise_spelled(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and float(value) == value:
        return float(value)
    return value


@few
@given(configs())
def test_hashing_changes_nothing(config: TrainingConfig) -> None:
    before = repr(to_dict(config))
    assert config_hash(config) == config_hash(config)
    assert repr(to_dict(config)) == before


@few
@given(configs(), st.randoms(use_true_random=False), st.booleans())
def test_the_whole_schema_may_be_written_in_any_order_and_style(
    config: TrainingConfig, random: Any, in_blocks: bool
) -> None:
    data = to_dict(config)
    written = []
    for section in random.sample(sorted(data), len(data)):
        values = otherwise_spelled(data[section])
        if not in_blocks or not isinstance(values, dict):
            written.append(f"{section}: {to_yaml_value(values)}  # in one line")
            continue
        names = random.sample(sorted(values), len(values))
        written += [f"{section}:", *(f"\n      {name}:    {to_yaml_value(values[name])}" for name in names)]
    assert config_hash(parse_config("\n".join(written) + "\n")) == config_hash(config)


@settings(max_examples=200, deadline=None)
@given(configs(), changes())
def test_every_learned_value_counts_and_no_other(config: TrainingConfig, change: tuple[str, Any]) -> None:
    key, value = change
    try:
        changed = with_value(config, key, value)
    except ConfigError:
        assume(False)
    is_same = canonical(get_from_config(changed, key)) == canonical(get_from_config(config, key))
    is_expected = is_same or not is_learned(field_of(key))
    assert (config_hash(changed) == config_hash(config)) == is_expected


@few
@given(plain_values, plain_values)
def test_arguments_of_hooks_count_by_their_meaning(a: Any, b: Any) -> None:
    def hash_with(argument: Any) -> str:
        hook = HookConfig(name="a", use="noise", at="hook_embed", **{"with": {"x": argument}})
        return config_hash(TrainingConfig(hooks=(hook,)))

    assert hash_with(a) == hash_with(otherwise_spelled(a))
    assert (hash_with(a) == hash_with(b)) == (repr(canonical(a)) == repr(canonical(b)))


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, "1"), (None, "null"), (0.5, "0.5"), ([], {})])
def test_what_only_looks_alike_is_told_apart(one: Any, other: Any) -> None:
    hooks = [HookConfig(name="a", use="noise", **{"with": {"x": value}}) for value in (one, other)]
    assert config_hash(TrainingConfig(hooks=(hooks[0],))) != config_hash(TrainingConfig(hooks=(hooks[1],)))


def test_no_learned_default_is_another_than_it_was() -> None:
    """A value at its default stands in no hash, so that an old hash would mean something else by another default.

    A field that is added comes into this list; none of those that are there may change.
    """
    defaults = {
        key: get_from_config(TrainingConfig(), key)
        for key in leaf_keys()
        if is_learned(field_of(key)) and not key.startswith("model.")
    }
    assert defaults == DEFAULTS
    assert TrainingConfig().model.model_dump() == MODEL_DEFAULTS


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
