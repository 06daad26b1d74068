"""A changed value replaces its own characters and nothing else, whatever the text around it looks like."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.config import (
    ConfigError,
    TrainingConfig,
    check_text,
    get_from_config,
    leaf_keys,
    parse_config,
    resolved_text,
    set_in_text,
    template,
    to_yaml_value,
    with_value,
)
from tests.config.strategies import changes, configs

COMMENT = "  # Peak learning rate, reached after warmup_steps. > 0, at most 10.\n"
SECTION = "# How the weights are learned: batches, optimizer, schedule.\ntraining:\n"


@pytest.mark.parametrize(
    ("text", "key", "value", "changed"),
    [
        ("model:\n  d_model:  64   # wide\n", "model.d_model", "128", "model:\n  d_model:  128   # wide\n"),
        ("model: {d_model: 64, n_heads: 2}\n", "model.d_model", "8", "model: {d_model: 8, n_heads: 2}\n"),
        ("other:\n  name: 'it''s'  # x\n", "other.name", "b", "other:\n  name: b  # x\n"),
        ("other:\n  name: b\n", "other.name", '"a: b"', 'other:\n  name: "a: b"\n'),
        ("other: {name: b}\n", "other.name", "a, c", 'other: {name: "a, c"}\n'),
        ("other:\n  name:   # none yet\n", "other.name", "b", "other:\n  name: b   # none yet\n"),
        ("other: {name: , seed: 1}\n", "other.name", "b", "other: {name: b , seed: 1}\n"),
        ("other: {name}\n", "other.name", "b", "other: {name: b}\n"),
        ("other:\n  name: |\n    a\n    b\n\n  seed: 1\n", "other.name", "c", "other:\n  name: c\n\n  seed: 1\n"),
        ("other:\n  name: one\n    two\n  seed: 1", "other.name", "c", "other:\n  name: c\n  seed: 1"),
        ("other:\n  seed: 1\n", "other.seed", " 5   # five", "other:\n  seed: 5\n"),
        ("hooks:\n  - name: a\n    enabled: true # on\n", "hooks.0.enabled", "false",
         "hooks:\n  - name: a\n    enabled: false # on\n"),
        ("hooks:\n  - name: a\n", "hooks.0.enabled", "false", "hooks:\n  - name: a\n    enabled: false\n"),
        ("hooks:\n- name: a\nother:\n", "hooks", "[]", "hooks: []\nother:\n"),
        ("model:\r\n  d_model: 64\r\n", "model.d_model", "8", "model:\r\n  d_model: 8\r\n"),
        ("\ufeffmodel:\n  d_model: 64\n", "model.d_model", "8", "\ufeffmodel:\n  d_model: 8\n"),
        ("other:\n  name: 'é😀'\n  seed: 1\n", "other.seed", "2", "other:\n  name: 'é😀'\n  seed: 2\n"),
        ("other:\n  name: # x\n  unheard: 1\n", "other.name", "a b.txt", "other:\n  name: a b.txt # x\n  unheard: 1\n"),
    ],
)  # fmt: skip
def test_a_value_is_replaced(text: str, key: str, value: str, changed: str) -> None:
    assert set_in_text(text, key, value) == changed


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", f"{SECTION}{COMMENT}  learning_rate: 1e-4\n"),
        ("# My own.", f"# My own.\n\n{SECTION}{COMMENT}  learning_rate: 1e-4"),
        ("training:\n", f"training:\n{COMMENT}  learning_rate: 1e-4\n"),
        ("training:  # soon\nother:\n", f"training:  # soon\n{COMMENT}  learning_rate: 1e-4\nother:\n"),
        ("training: {}\n", f"training: \n{COMMENT}  learning_rate: 1e-4\n"),
        ("training: {beta1: 0.9}\n", "training: {beta1: 0.9, learning_rate: 1e-4}\n"),
        ("{training: {beta1: 0.9}}\n", "{training: {beta1: 0.9, learning_rate: 1e-4}}\n"),
        ("{training: }", "{training: {learning_rate: 1e-4} }"),
        ("{other: {seed: 1}}", "{other: {seed: 1}, training: {learning_rate: 1e-4}}"),
        (
            "training:\n   max_steps: 5 # few\n   # hm\n   beta1: 0.9\n",
            f"training:\n   max_steps: 5 # few\n {COMMENT}   learning_rate: 1e-4\n   # hm\n   beta1: 0.9\n",
        ),
        ("training:\n  # hm\n  beta1: 0.9\n", f"training:\n{COMMENT}  learning_rate: 1e-4\n  # hm\n  beta1: 0.9\n"),
        ("training:\n  max_steps: 5", f"training:\n  max_steps: 5\n{COMMENT}  learning_rate: 1e-4"),
        (
            "model:\n  d_model: 8\n  # n_heads: 2\n\nother:\n  seed: 1\n",
            f"model:\n  d_model: 8\n  # n_heads: 2\n\n{SECTION}{COMMENT}  learning_rate: 1e-4\n\nother:\n  seed: 1\n",
        ),
        (
            "# Mine.\n\n# The name.\nother:\n  seed: 1\n",
            f"# Mine.\n\n{SECTION}{COMMENT}  learning_rate: 1e-4\n\n# The name.\nother:\n  seed: 1\n",
        ),
        (
            "training:\r\n  beta1: 0.9\r\n",
            f"training:\n{COMMENT}  learning_rate: 1e-4\n  beta1: 0.9\n".replace("\n", "\r\n"),
        ),
    ],
)
def test_a_missing_key_is_inserted_below_its_description(text: str, changed: str) -> None:
    assert set_in_text(text, "training.learning_rate", "1e-4") == changed


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("model: [\n", "model.d_model", "8"),
        ("- a\n", "model.d_model", "8"),
        ("model: 5\n", "model.d_model", "8"),
        ("model:\n", "model.d_modl", "8"),
        ("model:\n", "model", "8"),
        ("model:\n", "d_model", "8"),
        ("model:\n", "model.d_model", "[8"),
        ("model:\n", "model.d_model", "*a"),
        ("hooks:\n", "hooks.0.enabled", "true"),
        ("model:\n  ? d_model\n  ? n_heads\n", "model.d_model", "8\x00"),
    ],
)
def test_what_cannot_be_changed_is_answered(text: str, key: str, value: str) -> None:
    with pytest.raises(ConfigError):
        set_in_text(text, key, value)


@settings(deadline=None, max_examples=80)
@given(configs(), changes())
def test_a_changed_text_is_the_changed_configuration_and_no_other_line_changes(
    config: TrainingConfig, change: tuple[str, Any]
) -> None:
    key, value = change
    text = template(config)
    changed = set_in_text(text, key, to_yaml_value(value))
    try:
        expected = with_value(config, key, value)
    except ConfigError:
        assert check_text(changed)[1]
    else:
        assert parse_config(changed) == expected
    pairs = list(zip(text.split("\n"), changed.split("\n"), strict=True))
    different = [after for before, after in pairs if before != after]
    assert len(different) <= 1 and all(line.startswith(f"  {key.split('.')[1]}: ") for line in different)


@st.composite
def partial_texts(draw: st.DrawFn) -> str:
    """Configurations with some of their lines, comments and blank lines left out, in block style."""
    lines = template(draw(configs())).split("\n")
    kept = [line for line in lines if not line.startswith("  ") or draw(st.integers(0, 5)) == 0]
    return "\n".join(kept) + draw(st.sampled_from(["", "\n", "\n# the end\n"]))


@settings(deadline=None, max_examples=80)
@given(partial_texts(), changes())
def test_inserting_keeps_every_line_that_was_there(text: str, change: tuple[str, Any]) -> None:
    key, value = change
    before, _ = check_text(text)
    try:
        changed = set_in_text(text, key, to_yaml_value(value))
    except ConfigError:
        assert before is None
        return
    own = f"{key.split('.')[1]}: "
    kept = [line for line in text.split("\n") if not line.lstrip().startswith(own)]
    remaining = iter(changed.split("\n"))
    assert all(line in remaining for line in kept)
    after, _ = check_text(changed)
    if before is not None and after is not None:
        assert after == with_value(before, key, get_from_config(after, key))


@settings(deadline=None, max_examples=60)
@given(partial_texts(), st.lists(changes(), max_size=3))
def test_a_resolved_text_shows_every_field_and_means_the_same(text: str, new: list[tuple[str, Any]]) -> None:
    overrides = [(key, to_yaml_value(value)) for key, value in new]
    try:
        config = parse_config(text, overrides=overrides)
    except ConfigError:
        return
    resolved = resolved_text(text, overrides)
    assert parse_config(resolved) == config
    assert all(f"  {key.split('.')[1]}: " in resolved for key in leaf_keys())
    assert resolved_text(resolved) == resolved


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}\n",
        "model: {d_model: 64}",
        "{model: {d_model: 64}}",
        "other:\n  seed: 3",
        "hooks: [{name: a}]",
        "other:\n  name: |\n    a",
    ],
)
def test_texts_of_every_shape_are_resolved(text: str) -> None:
    assert parse_config(resolved_text(text)) == parse_config(text)
    assert resolved_text("") == template()
