"""Values, hooks and versions of own files that change while a run goes on, without a model."""

import pytest

from lmcore.config import parse_config, resolved_text
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.journal import replayable
from lmcore.experiments.runs.live import LiveConfig
from lmcore.protocol.messages import ValueChanged

TEXT = resolved_text("""\
hooks:
  - name: first   # a remark
    use: zero
    at: blocks.0.hook_mlp_out
  - {name: a.b, kind: update, use: scale, with: {factor: 1.0}}
""")


def live(*journal: ValueChanged) -> LiveConfig:
    return LiveConfig(parse_config(TEXT), TEXT, journal, {"mine.py": "old"})


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("hooks.first.enabled", "false", "true", "false"),
        ("hooks.first.at", "blocks.*.hook_mlp_out", "blocks.0.hook_mlp_out", '"blocks.*.hook_mlp_out"'),
        ("hooks.first.with", "{heads: [2]}", "{}", "{heads: [2]}"),
        ("hooks.a.b.with", "{factor: {from: 1, to: 0.5, steps: 9}}", "{factor: 1.0}", None),
        ("hooks.a.b.from_step", "7", "null", "7"),
        ("hooks.first.until_step", "9", "null", "9"),
    ],
)
def test_one_value_of_one_hook_changes_by_its_name(key: str, value: str, old: str, new: str | None) -> None:
    now = live()
    change = now.check(3, key, value)
    assert (change.step, change.key, change.old, change.new) == (3, key, old, new or value)
    after = now.after(change)
    now.make(change)
    assert now.config == after == parse_config(now.text)


def test_the_whole_list_changes_and_its_text_is_read_back() -> None:
    now = live()
    new = "[{name: a.b, kind: update, use: scale, with: {factor: 1.0}}, {kind: forward, use: noise, at: x}]"
    change = now.check(1, "hooks", new)
    assert change.new == new
    now.make(change)
    assert [hook.use for hook in now.config.hooks] == ["scale", "noise"]
    now.make(now.check(2, "hooks", change.old))
    assert now.config == parse_config(TEXT) == parse_config(now.text)
    now.make(now.check(3, "hooks", "[]"))
    assert now.config.hooks == ()


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("hooks.first.kind", "update", "of a hook these can: enabled, at, with, from_step, until_step"),
        ("hooks.first", "{}", "Set the whole list"),
        ("hooks.gone.at", "x", "no hook 'gone'"),
        ("hooks.first.with", "[1]", "mapping"),
        ("hooks.first.from_step", "-1", "at least 0"),
        ("hooks", "[{name: a}, {name: a}]", "used twice"),
        ("hooks", "[{nam: a}]", "did you mean 'name'"),
        ("model", "{}", "whole section"),
        ("model.d_model", "64", "new run"),
    ],
)
def test_what_cannot_change_is_a_sentence_and_changes_nothing(key: str, value: str, complaint: str) -> None:
    now = live()
    with pytest.raises(ValueError, match=complaint):
        now.check(3, key, value)
    assert now.text == TEXT


def test_the_journal_is_repeated_in_its_order_and_versions_with_it() -> None:
    now = live(
        ValueChanged(4, "code.mine.py", "old", "new"),
        ValueChanged(2, "hooks", "", "[{name: only, kind: update, use: mine.py:f}]"),
        ValueChanged(4, "hooks.only.enabled", "true", "false"),
    )
    assert now.coming_code == (("mine.py", "new"),)
    now.advance_to(3)
    assert now.code == {"mine.py": "old"}
    assert now.config.hooks[0].enabled
    now.advance_to(4)
    assert now.code == {"mine.py": "new"}
    assert not now.config.hooks[0].enabled
    assert now.next_due(10**9) is None and now.coming_code == ()


def test_a_change_that_cannot_be_repeated_stays_due() -> None:
    now = live(ValueChanged(1, "hooks.gone.enabled", "true", "false"))
    for _ in range(2):
        with pytest.raises(RunError, match=r"journal sets hooks.gone.enabled to false at step 1, which cannot be"):
            now.advance_to(1)


def test_a_new_list_of_hooks_overrules_what_was_to_come_of_single_ones() -> None:
    later = [ValueChanged(8, "hooks.first.enabled", "", "false"), ValueChanged(8, "training.weight_decay", "", "0.5")]
    now = live(*later)
    now.make(now.check(5, "hooks", "[]"))
    now.advance_to(9)
    assert now.config.hooks == () and now.config.training.weight_decay == 0.5
    assert replayable([*later, ValueChanged(5, "hooks", "", "[]")]) == [ValueChanged(5, "hooks", "", "[]"), later[1]]
    assert (
        replayable([ValueChanged(3, "hooks.first.enabled", "", "false"), ValueChanged(5, "hooks", "", "[]")])[0].step
        == 3
    )
