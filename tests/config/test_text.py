"""Texts as people write them, right and wrong, become a typed configuration or problems in their places."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.config import (
    ConfigError,
    TrainingConfig,
    check_text,
    leaf_keys,
    parse_config,
    parse_yaml_value,
    template,
    to_yaml_value,
)
from lmcore.config.other_names import OTHER_NAMES, keys_for
from lmcore.config.problems import MOST_PROBLEMS
from lmcore.config.schema import DatasetConfig, field_of
from lmcore.config.tree import MOST_CHARACTERS, MOST_VALUES
from tests.config.broken import BROKEN
from tests.config.strategies import configs, plain_values


def test_an_empty_text_is_the_defaults() -> None:
    for text in (
        "",
        "\n\n",
        "# nothing yet\n",
        "---\n",
        "model:\n",
        "model: {}\nhooks:\n",
        "\ufeffmodel:\n  d_model: 128\n",
    ):
        assert parse_config(text) == TrainingConfig(), text


def test_values_reach_their_fields() -> None:
    config = parse_config("model: {d_model: 64, norm: rmsnorm}\ntraining:\n  learning_rate: 1e-3\n  max_steps: 2_000\n")
    assert (config.model.d_model, config.model.norm) == (64, "rmsnorm")
    assert (config.training.learning_rate, config.training.max_steps) == (0.001, 2000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1E5", 1e5), (".5", 0.5), ("5.", 5.0), ("-2.5e+3", -2500.0), ("010", 10), ("1_000", 1000),
        ("on", "on"), ("null", None), ("", None), ("~", None), ("'1e-3'", "1e-3"), ("1:30", "1:30"),
        ("[1, a]", [1, "a"]), ("{a: 1}", {"a": 1}), ("9" * 5000, "9" * 5000),
        ("2026-01-02", "2026-01-02"), ("true", True), ("0x10", "0x10"),
    ],
)  # fmt: skip
def test_yaml_values(text: str, value: object) -> None:
    read = parse_yaml_value(text)
    assert read == value and type(read) is type(value)


def test_a_whole_number_may_be_written_with_an_exponent() -> None:
    assert parse_config("training: {max_steps: 4e3}").training.max_steps == 4000
    with pytest.raises(ConfigError, match="whole number"):
        parse_config("training: {max_steps: 4.5}")


@pytest.mark.parametrize(("name", "text"), BROKEN.items(), ids=BROKEN.keys())
def test_a_broken_configuration_is_answered_in_its_place(name: str, text: str) -> None:
    config, problems = check_text(text)
    assert config is None and problems, name
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert len(problem.message.split()) >= 3 and "\n" not in problem.message
        assert "Traceback" not in problem.message and "pydantic" not in problem.message


def test_there_are_a_hundred_broken_configurations() -> None:
    assert len(BROKEN) >= 100


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("training:\n  learning_rat: 1\n", 2, 3, "did you mean 'learning_rate'"),
        ("trainig:\n  learning_rate: 1\n", 1, 1, "did you mean 'training'"),
        ("model:\n  learning_rate: 1\n", 2, 3, "it belongs in training"),
        ("model:\n  n_heads: 0\n", 2, 12, "model.n_heads must be at least 1 and at most 128, not 0"),
        ("model:\n  norm: layernom\n", 2, 9, "did you mean layernorm"),
        ("model:\n  bias: yes\n", 2, 9, "true or false"),
        ("model:\n  d_model: 130\n", 2, 12, "model.d_model (130) must be a multiple of model.n_heads (4)"),
        ("model:\n  d_model: 12\n  positions: rotary\n", 3, 14, "model.d_model / model.n_heads is 3"),
        ("training:\n  max_steps: 50\n", 2, 14, "training.warmup_steps (100) must be at most training.max_steps (50)"),
        ("evaluation:\n  stride: 900\n", 2, 11, "at most model.context_length (256)"),
        ("dataset:\n  source: file\n", 2, 11, "needs dataset.path"),
        ("other:\n  seed: 1\n  seed: 2\n", 3, 3, "other.seed is given twice"),
        ("other:\n  name: 7\n", 2, 9, "in quotes it is one: '7'"),
        ("model:\n\td_model: 64\n", 2, 1, "a tab"),
        ("sampling:\n  stop: 'end\n", 2, 9, "quote that begins here is not closed"),
        ("model:\n  d_mlp: x\n", 2, 10, "a whole number or null"),
        ("model:\n  n_embd: 64\n", 2, 3, "model has no key 'n_embd'; it is model.d_model here"),
        ("lr: 1e-3\n", 1, 1, "there is no section 'lr'; it is training.learning_rate here"),
        ("training:\n  num_train_epochs: 3\n", 2, 3, "counted in steps: training.max_steps"),
        ('dataset:\n  path: "C:\\data"\n', 2, 12, "use single quotes, or / in a path"),
        ('dataset:\n  path: "C:\\users"\n', 2, 14, "use single quotes, or / in a path"),
        ("hooks:\n  - name: a\n    kind: sideways\n", 3, 11, "forward, backward, update, loss"),
    ],
)
def test_a_problem_says_what_would_be_right(text: str, line: int, column: int, said: str) -> None:
    _, problems = check_text(text)
    assert (problems[0].line, problems[0].column) == (line, column)
    assert said in problems[0].message


def test_problems_are_told_together_as_lines_with_the_source() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("model:\n  d_model: x\n  n_heads: 0\n", "a.yaml", [("sampling.top_p", "2"), ("nonsense", "1")])
    lines = str(caught.value).split("\n")
    assert [line.split(": ")[0] for line in lines] == ["a.yaml:2:12", "a.yaml:3:12", "nonsense=1", "sampling.top_p=2"]


def test_overrides_win_over_the_text_and_later_ones_over_earlier() -> None:
    overrides = [("training.learning_rate", "1e-2"), ("training.learning_rate", "2e-3"), ("other.name", "'007'")]
    config = parse_config("training:\n  learning_rate: 5e-4\n", overrides=overrides)
    assert (config.training.learning_rate, config.other.name) == (2e-3, "007")
    hooked = "hooks:\n  - {name: a, enabled: true}\n"
    assert not parse_config(hooked, overrides=[("hooks.0.enabled", "false")]).hooks[0].enabled


def test_names_of_other_tools_lead_to_fields_that_there_are() -> None:
    keys = set(leaf_keys())
    assert not {name.split(".")[1] for name in keys} & OTHER_NAMES.keys()
    named = {word for said in OTHER_NAMES.values() for word in re.findall(r"\w+\.\w+", said)}
    assert len(OTHER_NAMES) > 150 and named <= keys
    assert keys_for("lr") == keys_for("learning-rate") == ("training.learning_rate",)
    assert keys_for("batch_size") == ("training.batch_size", "evaluation.batch_size") and keys_for("wandb") == ()
    for name in [
        "n_embd",
        "block_size",
        "n_layer",
        "hidden_size",
        "num_layers",
        "batch",
        "epochs",
        "learning_rate_decay",
        "wandb",
        "n_ctx",
    ]:
        assert f"'{name}'; {OTHER_NAMES[name]}" in check_text(f"{name}: 1\n")[1][0].message
        assert f"'{name}'; {OTHER_NAMES[name]}" in check_text(f"training: {{{name}: 1}}\n")[1][0].message
    for key in ("n_head", "model.n_head"):
        with pytest.raises(ConfigError, match=r"it is model\.n_heads here"):
            parse_config("", overrides=[(key, "2")])


def test_a_description_says_the_bounds_that_hold() -> None:
    """Where it says the least value it says the largest too, unless nobody would reach that."""
    for key in leaf_keys():
        field = field_of(key)
        names = ("gt", "ge", "lt", "le", "max_length")
        bounds = {name: getattr(bound, name) for bound in field.metadata for name in names
                  if getattr(bound, name, None) is not None}  # fmt: skip
        said = field.description or ""
        least = re.findall(r"(?:> |≥ |At least )([\d.]+\d|\d)|\b([\d.]+) to (?:below )?\d", said)
        most = re.findall(r"(?:[Aa]t most |\d to |[Bb]elow )([\d.,]+\d|\d)", said)
        upper = bounds.get("le", bounds.get("lt", bounds.get("max_length")))
        assert [float(one or other) for one, other in least] in ([], [bounds.get("gt", bounds.get("ge"))]), key
        assert [float(number.replace(",", "")) for number in most] in ([], [upper]), key
        assert not least or most or upper is None or upper > 10**6, key


@pytest.mark.parametrize("key", ["model", "model.x", "x", "", "model.d_model.x", "hooks.0.enabled", "."])
def test_an_override_of_no_key_is_a_problem(key: str) -> None:
    with pytest.raises(ConfigError):
        parse_config("", overrides=[(key, "1")])


def test_huge_nested_and_aliased_texts_are_refused_at_once() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
    aliases = "a: &a x\nb: [" + "*a, " * 20_000 + "]"
    for text in (
        aliases,
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 50_000,
        "? " * 1000,
        "x" * (MOST_CHARACTERS + 1),
        bomb,
    ):
        config, problems = check_text(text)
        assert config is None and problems


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{number}: 1\n" for number in range(20_000)),
        "model:\n" + "".join(f"  k{number}: 1\n" for number in range(20_000)),
        "hooks:\n" + "- a\n" * 40_000,
        "hooks: [" + "1," * 80_000 + "]",
    ],
)
def test_a_text_of_very_many_values_is_refused_in_one_sentence(text: str) -> None:
    _, problems = check_text(text)
    assert [problem.message for problem in problems] == [f"a configuration has at most {MOST_VALUES:,} values"]


@pytest.mark.parametrize("line", ["k{}: 1\n", "k: 1\n", "? [{}]\n: 1\n", "k{}: *a\n"])
def test_of_very_many_problems_only_the_first_are_told(line: str) -> None:
    _, problems = check_text("".join(map(line.format, range(MOST_VALUES // 2))))
    assert 1 <= len(problems) <= MOST_PROBLEMS and problems[0].line <= 2


def test_every_prefix_of_a_configuration_is_answered() -> None:
    text = template()
    for length in range(0, len(text), 7):
        config, problems = check_text(text[:length])
        assert (config is None) == bool(problems)


YAML_LIKE = st.text(st.sampled_from("ab:-[]{}#&*!|>'\"%@`,?~ \n\t\r\\1e.\u00e9\u2028\x85\ufeff\x00\ud800"), max_size=60)


@settings(deadline=None, max_examples=300)
@given(YAML_LIKE | st.text(max_size=80) | st.binary(max_size=80).map(lambda b: b.decode("latin-1")))
def test_any_text_whatever_is_answered(text: str) -> None:
    config, problems = check_text(text)
    assert (config is None) == bool(problems)


@settings(deadline=None, max_examples=60)
@given(configs())
def test_a_configuration_is_read_back_from_its_template(config: TrainingConfig) -> None:
    assert parse_config(template(config)) == config


@settings(deadline=None, max_examples=300)
@given(plain_values)
def test_a_value_is_read_back_from_its_yaml(value: object) -> None:
    assert parse_yaml_value(to_yaml_value(value)) == value
    assert "\n" not in to_yaml_value(value)


def test_missing_fields_take_their_defaults_so_that_old_files_stay_valid() -> None:
    assert parse_config("dataset:\n  tokenizer: byte\n").dataset == DatasetConfig(tokenizer="byte")
