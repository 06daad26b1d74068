"""Reading one value, changing one, and what differs between two configurations."""

import subprocess
import sys

import pytest

from lmcore.config import (
    ConfigError,
    TrainingConfig,
    differences,
    field_of,
    get_from_config,
    leaf_keys,
    parse_config,
    with_value,
)
from lmcore.config.schema import SECTIONS, HookConfig, ModelConfig, section_type
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.live import LiveConfig
from lmcore.protocol.messages import ValueChanged


def test_every_key_is_read() -> None:
    config = TrainingConfig()
    assert len(leaf_keys()) > 60
    assert get_from_config(config, "model") == config.model
    assert get_from_config(config, "model.d_model") == config.model.d_model
    assert all(get_from_config(config, key) == field_of(key).default for key in leaf_keys())


@pytest.mark.parametrize("key", ["", "model.d_modl", "d_model", "hooks.0", "model.d_model.real", "model.__class__"])
def test_a_key_that_is_none_is_answered(key: str) -> None:
    with pytest.raises(ConfigError, match=r"no (key|section)|belongs in"):
        get_from_config(TrainingConfig(), key)


def test_a_misspelt_section_is_what_is_answered() -> None:
    with pytest.raises(ConfigError, match=r"there is no section 'trainin'; did you mean 'training'\?"):
        get_from_config(TrainingConfig(), "trainin.x")
    with pytest.raises(ConfigError, match=r"there is no section 'zzz'; it has model, training"):
        get_from_config(TrainingConfig(), "zzz.x")


def test_a_changed_value_is_checked() -> None:
    config = with_value(TrainingConfig(), "training.learning_rate", 0.5)
    assert config.training.learning_rate == 0.5 and TrainingConfig().training.learning_rate == 1e-3
    with pytest.raises(ConfigError, match=r"multiple of model\.n_heads"):
        with_value(config, "model.n_heads", 3)
    with pytest.raises(ConfigError, match="must be a number"):
        with_value(config, "training.learning_rate", "fast")


def test_differences_say_what_can_change_now_and_what_is_learned() -> None:
    old = TrainingConfig()
    new = parse_config("model: {d_model: 64}\ntraining: {learning_rate: 2e-3}\nother: {name: x, log_interval: 5}\n")
    found = {d.key: (d.old, d.new, d.live, d.learned) for d in differences(old, new)}
    assert found == {
        "model.d_model": (128, 64, False, True),
        "training.learning_rate": (1e-3, 2e-3, True, True),
        "other.name": ("", "x", False, False),
        "other.log_interval": (1, 5, True, False),
    }
    assert differences(new, new) == []


def test_switching_a_hook_is_a_live_difference_and_another_hook_is_not() -> None:
    old = parse_config("hooks: [{name: a}, {name: b}]")
    assert [(d.key, d.live) for d in differences(old, with_value(old, "hooks.1.enabled", False))] == [
        ("hooks.1.enabled", True)
    ]
    assert [(d.key, d.live) for d in differences(old, parse_config("hooks: [{name: a}]"))] == [("hooks", False)]


def test_every_field_has_a_description_and_a_default() -> None:
    for key in leaf_keys():
        field = field_of(key)
        assert field.description and field.description.endswith((".", ")")), key
        assert not field.is_required(), key


def test_every_number_and_text_is_bounded() -> None:
    """A configuration, or a journal, from somebody else asks for no more than a run can give."""
    for section in (*map(section_type, SECTIONS), HookConfig):
        for name, said in section.model_json_schema()["properties"].items():
            for kind in said.get("anyOf", [said]):
                if kind.get("type") in ("integer", "number"):
                    assert kind.keys() & {"minimum", "exclusiveMinimum"}, name
                    assert kind.keys() & {"maximum", "exclusiveMaximum"}, name
                elif kind.get("type") == "string":
                    assert kind.keys() & {"maxLength", "enum", "const", "pattern"}, name


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("evaluation.prompt", "x" * 100_001, "at most 100000 characters"),
        ("sampling.stop", "x" * 1001, "at most 1000 characters"),
        ("sampling.top_k", 10**30, "at most 1000000"),
        ("evaluation.interval", 10**30, "at most 1000000000"),
    ],
)
def test_a_value_beyond_its_bounds_is_refused_in_a_short_sentence(key: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        with_value(parse_config(""), key, value)
    assert len(str(refused.value)) < 400
    with pytest.raises(ConfigError, match=said) as refused:
        parse_config("", overrides=[(key, str(value))])
    assert len(str(refused.value)) < 400
    live = LiveConfig(parse_config(""), "", [ValueChanged(1, key, "1", str(value))])
    with pytest.raises(RunError, match=said) as answered:
        live.advance_to(1)
    assert len(str(answered.value)) < 400


def test_the_mlp_s_width_has_its_default() -> None:
    assert ModelConfig(d_model=96).mlp_width == 384
    assert ModelConfig(d_model=96, mlp="swiglu").mlp_width == 256
    assert ModelConfig(d_mlp=7).mlp_width == 7


def test_the_configuration_is_read_without_torch() -> None:
    code = "import sys, lmcore.config; print('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
