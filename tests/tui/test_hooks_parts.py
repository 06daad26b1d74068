"""The hooks' table, the form's meaning, and what a changed list asks of the core."""

import re
from dataclasses import replace

import pytest

from lmcore.config import HookConfig, parse_config
from lmcore.protocol.messages import SetValue
from tests.tui.fake_core import HOOKS, hook_description, hook_rows
from tui.lab.hook_changes import free_name, hook_commands, moved
from tui.panes.hooks.catalogue import found_entries
from tui.panes.hooks.fields import FieldError, entry_of, fields_of, hook_from
from tui.panes.hooks.places import matched, suggested
from tui.panes.hooks.table import Shown, explain, heading, lay_out, state_of, table_lines, window_text
from tui.panes.hooks.types import fits

SILENCE, SOFTER, LOGITS = parse_config(HOOKS).hooks
DESCRIBED = hook_description(1)


def shown(step: int = 1240) -> list[Shown]:
    hooks = zip((SILENCE, SOFTER, LOGITS), hook_rows(step), strict=True)
    return [Shown(hook.name, hook, row, [0.1, None, 0.2] * 20) for hook, row in hooks]


@pytest.mark.parametrize("width", [46, 54, 66, 74, 115, 116, 154, 200])
@pytest.mark.parametrize("measured", [True, False])
def test_lines_fit_their_width_and_columns_are_aligned(width: int, measured: bool) -> None:
    rows = [one if measured else replace(one, row=None) for one in shown()]
    layout = lay_out(width, rows)
    for one in rows:
        lines = table_lines(one, layout, 1240)
        assert len(lines) == layout.height == (1 if width >= 116 else 2)
        widths = [sum(len(text) for text, _ in line) for line in lines]
        assert widths[0] == sum(len(text) for text, _ in heading(layout)) and max(widths) <= width


def test_state_is_told_by_a_word() -> None:
    rows = hook_rows(100)
    assert state_of(SILENCE, rows[0], 100)[0] == "◌ later" and state_of(SOFTER, rows[1], 100)[0] == "● on"
    assert state_of(LOGITS, rows[2], 100)[0] == "○ off"
    ended = SILENCE.model_copy(update={"until_step": 50})
    assert state_of(ended, rows[0], 100)[0] == "◌ over"
    assert state_of(SILENCE, None, 0)[0] == "● on"


def test_windows_in_words() -> None:
    windows = [(None, None), (500, None), (None, 90), (0, 90), (500, 1000)]
    texts = [window_text(SILENCE.model_copy(update={"from_step": a, "until_step": b})) for a, b in windows]
    assert texts == ["", "from step 500", "until step 90", "until step 90", "steps 500 to 1,000"]


def test_the_sentence_tells_arguments_places_and_effect() -> None:
    silence, softer, logits = (" ".join(explain(one, 200, 1)) for one in shown())
    assert silence == "zero with heads [2]. Acts at 1 place. The change is 1.2e-2 of the original, in norm."
    assert "4 places" in softer and "blocks.0.hook_resid_post, blocks.1" in softer
    assert "z_loss, with its defaults. Off: it costs nothing" in logits
    assert len(explain(shown()[1], 40, 2)) == 2


def test_a_changed_list_becomes_the_smallest_command() -> None:
    hooks = (SILENCE, SOFTER, LOGITS)
    off = SILENCE.model_copy(update={"enabled": False})
    assert hook_commands(hooks, (off, SOFTER, LOGITS)) == (SetValue("hooks.silence-a-head.enabled", "false"),)
    stronger = SOFTER.model_copy(update={"with_": {"factor": 0.1}})
    assert hook_commands(hooks, (SILENCE, stronger, LOGITS)) == (SetValue("hooks.softer.with", "{factor: 0.1}"),)
    (whole,) = hook_commands(hooks, moved(hooks, 1, -1))
    assert isinstance(whole, SetValue) and whole.key == "hooks"
    assert parse_config(f"hooks: {whole.value}").hooks == (SOFTER, SILENCE, LOGITS)
    (two,) = hook_commands(hooks, (SILENCE, stronger.model_copy(update={"from_step": 3}), LOGITS))
    assert isinstance(two, SetValue) and two.key == "hooks"
    assert hook_commands(hooks, hooks) == ()
    assert moved(hooks, 0, -1) == hooks and free_name("softer", ["softer", "softer-2"]) == "softer-3"


def test_places_are_offered_by_glob_or_by_words() -> None:
    assert len(matched("blocks.*.hook_resid_post", "forward", DESCRIBED)) == 4
    assert matched("embed.weight", "forward", DESCRIBED) == ()
    assert matched("embed.*", "update", DESCRIBED) == (("embed.weight", "[128, 128]"),)
    assert [name for name, _ in suggested("2 attn z", "forward", DESCRIBED)] == ["blocks.2.attn.hook_z"]
    assert len(suggested("", "loss", DESCRIBED)) == 26 and suggested("nothing", "loss", DESCRIBED) == ()


def typed(hook: HookConfig, **changes: str) -> dict[str, str]:
    fields = fields_of(hook, entry_of(hook, DESCRIBED))
    return {field.key: field.value for field in fields} | {
        key.replace("__", "-"): text for key, text in changes.items()
    }


@pytest.mark.parametrize("hook", [SILENCE, SOFTER, LOGITS, HookConfig(name="o", kind="update", use="my_hooks.py:f")])
def test_a_form_that_is_not_touched_changes_nothing(hook: HookConfig) -> None:
    assert hook_from(hook, typed(hook), DESCRIBED, []) == hook


def test_arguments_are_yaml_and_may_be_schedules() -> None:
    schedule = "{from: 1, to: 0, steps: 500}"
    hook = hook_from(SOFTER, typed(SOFTER, with__factor=schedule, until_step="900"), DESCRIBED, [])
    assert hook.with_ == {"factor": {"from": 1, "to": 0, "steps": 500}} and hook.until_step == 900
    own = HookConfig(name="own", kind="update", use="my_hooks.py:f")
    assert hook_from(own, typed(own, **{"with": "{a: 1}"}), DESCRIBED, []).with_ == {"a": 1}


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"name": ""}, "name", "needs a name"),
        ({"name": "taken"}, "name", "another hook"),
        ({"at": ""}, "at", "where it acts"),
        ({"at": "nowhere"}, "at", "no place is called nowhere"),
        ({"with__factor": ""}, "with-factor", "a number"),
        ({"with__factor": "[1"}, "with-factor", "factor:"),
        ({"with__factor": "[2]"}, "with-factor", "must be a number, not [2]"),
        ({"from_step": "soon"}, "from_step", "from_step"),
    ],
)
def test_what_cannot_stand_is_said_with_its_line(changes: dict[str, str], field: str, word: str) -> None:
    with pytest.raises(FieldError, match=re.escape(word)) as caught:
        hook_from(SOFTER, typed(SOFTER, **changes), DESCRIBED, ["taken"])
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("words", "right", "wrong"),
    [
        ("a number", [1, 0.5, {"from": 1, "to": 0, "steps": 9}], ["1", True, None, [1], {"from": 1}]),
        ("a whole number or null", [1, None], [0.5, "x"]),
        ("true or false", [True], [1, "true"]),
        ("a list, each item a whole number or null", [[1, 2], [], None], [1, ["a"], [0.5]]),
        ("one of window, uniform", ["window"], ["wide"]),
        ("text", ["x"], [1]),
        ("something else", [1, None, "x"], []),
    ],
)
def test_values_are_judged_by_the_words_for_their_type(words: str, right: list[object], wrong: list[object]) -> None:
    assert all(fits(value, words) for value in right) and not any(fits(value, words) for value in wrong)


def test_a_name_is_found_before_a_word_of_a_description() -> None:
    assert [entry.name for entry in found_entries(DESCRIBED.entries, ["zero"])] == ["zero", "z_loss"]
    assert [entry.name for entry in found_entries(DESCRIBED.entries, ["loss"])] == ["z_loss"]
