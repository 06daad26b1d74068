"""What the configuration pane reads from a text, and what it makes of typed values, choices and running runs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.config import check_text, parse_config, parse_yaml_value, set_in_text, template, with_value
from lmcore.protocol.messages import SetValue
from tui.lab.numbers import quantity, rough_duration
from tui.panes.config.application import Plan, describe, plan
from tui.panes.config.field_edits import editable_text, next_choice, yaml_of
from tui.panes.config.meaning import expected_time, meaning
from tui.panes.config.reading import all_keys, changed_keys, key_at, read
from tui.panes.config.rows import FORM_SECTIONS, Row, matching_rows, section_rows, shape_of
from tui.panes.config.section_bar import visible_range

TEXT = template()


def row(key: str, text: str = TEXT) -> Row:
    """The form's row of one key."""
    reading = read(text)
    rows = section_rows(key.partition(".")[0], reading, reading, None)
    return next(row for row in rows if row.key == key)


def test_the_form_has_a_row_for_every_field_of_the_schema() -> None:
    reading = read(TEXT)
    rows = [row for section in FORM_SECTIONS for row in section_rows(section, reading, reading, None)]
    assert [row.key for row in rows if not row.key.startswith("hooks")] == list(all_keys())
    assert len(rows) > 50 and all(row.description for row in rows)


def test_each_type_has_its_control() -> None:
    assert shape_of("training.optimizer").choices == ("adamw", "muon", "sgd", "lion")
    assert shape_of("model.bias").kind == "switch"
    assert shape_of("model.d_mlp").kind == "number" and shape_of("model.d_mlp").is_optional
    assert shape_of("evaluation.prompt").kind == "text"


def test_missing_fields_show_their_defaults_and_wrong_ones_what_stands_there() -> None:
    reading = read("model:\n  d_model: 130  # odd\n  n_heads: four\n")
    assert reading.values["model.d_model"].written == "130" and reading.values["model.d_model"].is_given
    assert reading.values["model.n_heads"].written == "four"
    assert reading.values["training.batch_size"].written == "16" and not reading.values["training.batch_size"].is_given
    assert reading.config is None and reading.problems[0].line == 3


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert read(text).text == text


def test_changed_keys_know_a_number_from_a_switch() -> None:
    one = read("training:\n  gradient_clip: 1\n")
    assert changed_keys(one, read("training:\n  gradient_clip: 1.0  # the same\n")) == ()
    assert changed_keys(one, read("training:\n  gradient_clip: true\n")) == ("training.gradient_clip",)


def test_key_at_finds_the_field_of_a_line() -> None:
    reading = read(TEXT)
    for key in ("model.d_model", "training.learning_rate", "other.seed"):
        assert key_at(reading, reading.values[key].offset) == key
    assert key_at(read("# nothing\n"), 3) is None


def test_typed_values_become_yaml() -> None:
    number, optional, text = row("training.learning_rate"), row("model.d_mlp"), row("evaluation.prompt")
    assert yaml_of(number, " 1e-3 ") == "1e-3"
    assert yaml_of(optional, "") == "null"
    assert parse_yaml_value(yaml_of(number, "[1, 2")) == "[1, 2"  # one wrong value, never a broken file
    assert parse_yaml_value(yaml_of(text, 'He said: "no" # really')) == 'He said: "no" # really'
    assert parse_yaml_value(yaml_of(text, '"a\\nb"')) == "a\nb"
    assert editable_text(text) == "One sunny morning, "


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30))
def test_any_prompt_survives_the_editor(prompt: str) -> None:
    field = row("evaluation.prompt")
    changed = set_in_text(TEXT, field.key, yaml_of(field, prompt))
    config, problems = check_text(changed)
    if not (len(prompt) >= 2 and prompt[0] == prompt[-1] == '"'):
        assert config is not None and not problems and config.evaluation.prompt == prompt
        again = row(field.key, changed)
        assert parse_yaml_value(yaml_of(again, editable_text(again))) == prompt


def test_choices_go_round_and_start_over_from_nonsense() -> None:
    field = row("training.schedule")
    seen = [field.value]
    for _ in field.shape.choices:
        text = set_in_text(TEXT, field.key, next_choice(field, 1))
        field = row(field.key, text)
        seen.append(field.value)
    assert seen[0] == seen[-1] and set(seen) == set(field.shape.choices)
    assert next_choice(row("training.schedule", "training:\n  schedule: sine\n"), 1) == "cosine"


def test_fields_are_found_by_name_then_by_description() -> None:
    reading = read(TEXT)
    assert [row.key for row in matching_rows("learning rate", reading, reading, None)] == [
        "training.learning_rate",
        "training.min_learning_rate",
        "training.muon_learning_rate",
    ]
    assert "model.tied_head" in [row.key for row in matching_rows("embedding's", reading, reading, None)]
    assert matching_rows("no such thing [/", reading, reading, None) == ()


def test_a_plan_changes_now_what_can_and_names_the_rest() -> None:
    running = parse_config(TEXT)
    wanted = with_value(with_value(running, "training.learning_rate", 2e-3), "model.d_model", 192)
    found = plan(running, wanted)
    assert found.commands == (SetValue("training.learning_rate", "0.002"),)
    assert [describe(difference) for difference in found.needs_new_run] == ["model.d_model 128 → 192"]
    assert plan(running, running).commands == () and not plan(running, running).needs_new_run


def test_a_name_that_the_lab_gave_is_no_change() -> None:
    wanted = parse_config(TEXT)
    running = with_value(with_value(wanted, "other.name", "baseline"), "other.runs_folder", "elsewhere")
    assert plan(running, wanted) == Plan((), ())
    renamed = with_value(wanted, "other.name", "mine")
    assert [difference.key for difference in plan(running, renamed).needs_new_run] == ["other.name"]


def test_a_hook_is_switched_or_set_while_a_run_goes_on() -> None:
    hook = "hooks:\n  - name: noise\n    kind: update\n    use: clip\n    enabled: {}\n"
    on, _ = check_text(hook.format("true"))
    off, _ = check_text(hook.format("false"))
    assert on is not None and off is not None
    assert plan(on, off).commands == (SetValue("hooks.noise.enabled", "false"),) and not plan(on, off).needs_new_run
    other = parse_config("")
    assert plan(other, on) == Plan((SetValue("hooks", "[{name: noise, kind: update, use: clip}]"),), ())
    reading = read(hook.format("true"))
    (hook_row,) = section_rows("hooks", read(hook.format("false")), reading, None)
    assert (hook_row.name, hook_row.value, hook_row.was) == ("noise", "false", "true")


def test_meaning_says_size_and_time() -> None:
    config = parse_config(TEXT)
    size, work = meaning(config, None, None)
    assert "M parameters" in size and "4,096 tokens/step" in size and "not measured" in work
    assert expected_time(config, config, 0.075) == "≈ 5 min for 4,000 steps"
    wider = with_value(config, "model.d_model", 256)
    assert "open run's speed" in expected_time(wider, config, 0.075)
    longer = with_value(config, "training.max_steps", 8000)
    assert expected_time(longer, config, 0.075) == "≈ 10 min for 8,000 steps"


def test_numbers_and_times_read_well() -> None:
    assert [quantity(n) for n in (803_072, 10_700_000, 4096, 1.2e9)] == ["0.80 M", "10.7 M", "4,096 ", "1.20 G"]
    assert [rough_duration(s) for s in (40, 300, 7200, 3e5)] == ["40 s", "5 min", "2.0 h", "3.5 days"]


@given(st.integers(0, 7), st.integers(12, 90))
def test_the_open_section_is_always_in_sight(chosen: int, room: int) -> None:
    widths = [len(section) + 2 for section in FORM_SECTIONS]
    first, last = visible_range(widths, chosen, room)
    assert first <= chosen < last
    if last - first > 1:
        assert sum(widths[first:last]) + (last - first) <= room + 1
