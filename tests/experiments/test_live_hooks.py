"""Hooks added, removed, edited and reordered while a run goes on: journaled, and repeated bit for bit."""

from pathlib import Path

import pytest

from lmcore.config import SamplingConfig
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.questions import hooks_of_answer
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.journal import read_changes
from lmcore.hooks.catalogue import HookError
from lmcore.protocol.messages import HookStatistics, ValueChanged
from tests.experiments.tiny import losses, tiny, train, train_losses, weights

HALF = "{name: half, kind: forward, use: scale, at: blocks.0.hook_attn_out, with: {factor: 0.5}}"
CLAMP = "{name: clamp, kind: forward, use: clamp, at: blocks.0.hook_attn_out, with: {low: -0.0001, high: 0.0001}}"
FROZEN = "{name: frozen, kind: update, use: freeze, at: blocks.0.mlp.up.weight}"
SMOOTH = "{name: z, kind: loss, use: z_loss}"


def change_much(experiment: Experiment) -> None:
    """Every kind of change, some at steps after the last checkpoint (5), and train to step 9."""
    train(experiment, until=2)
    experiment.set_value("hooks", f"[{HALF}, {FROZEN}]")
    train(experiment, until=4)
    experiment.set_value("hooks", f"[{CLAMP}, {HALF}, {FROZEN}]")
    train(experiment, until=5)
    experiment.set_value("hooks", f"[{HALF}, {CLAMP}, {FROZEN}]")
    train(experiment, until=6)
    experiment.set_value("hooks.half.with", "{factor: {from: 0.5, to: 2, steps: 8}}")
    experiment.set_value("hooks.half.at", "blocks.*.hook_attn_out")
    experiment.set_value("hooks.frozen.until_step", "8")
    experiment.set_value("hooks.clamp.enabled", "false")
    train(experiment, until=8)
    experiment.set_value("hooks", f"[{HALF}, {SMOOTH}]")
    train(experiment, until=9)


def test_a_run_with_live_hooks_goes_on_bit_for_bit(runs_folder: Path) -> None:
    text = tiny(checkpointing__keep_best="false", evaluation__interval="0")
    whole = Experiment.create(text, runs_folder=runs_folder, name="whole")
    change_much(whole)
    train(whole)
    assert [hook.name for hook in whole.config.hooks] == ["half", "z"]

    part = Experiment.create(text, runs_folder=runs_folder, name="part")
    change_much(part)
    part.close("interrupted")
    again = Experiment.open(part.folder)
    assert again.step == 5
    assert [hook.name for hook in again.config.hooks] == ["half", "clamp", "frozen"]
    repeated = [record for record in train(again) if isinstance(record, ValueChanged)]
    assert [(change.step, change.key) for change in repeated] == [
        (6, "hooks.half.with"),
        (6, "hooks.half.at"),
        (6, "hooks.frozen.until_step"),
        (6, "hooks.clamp.enabled"),
        (8, "hooks"),
    ]
    assert losses(again.folder) == losses(whole.folder)
    assert weights(again) == weights(whole)
    assert len(read_changes(again.folder / "journal.jsonl")) == 8


def test_the_order_of_hooks_matters_and_is_that_of_the_list(runs_folder: Path) -> None:
    ends = {}
    for name, order in (("a", f"[{HALF}, {CLAMP}]"), ("b", f"[{CLAMP}, {HALF}]")):
        live = Experiment.create(tiny(), runs_folder=runs_folder, name=name)
        live.set_value("hooks", order)
        declared = Experiment.create(tiny() + f"hooks: {order}\n", runs_folder=runs_folder, name=f"{name}-declared")
        for experiment in (live, declared):
            train(experiment, until=4)
        assert weights(live) == weights(declared)
        ends[name] = weights(live)
    assert ends["a"] != ends["b"]


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("hooks", "[{name: x, kind: forward, use: zero, at: blocks.9.hook_mlp_out}]", "blocks.9.hook_mlp_out"),
        ("hooks", "[{name: x, kind: forward, use: zeroo, at: blocks.0.hook_mlp_out}]", "zeroo"),
        ("hooks.half.with", "{factor: much}", "factor"),
        ("hooks.half.at", "blocks.0.hook_attnout", "blocks.0.hook_attnout"),
        ("hooks.half.until_step", "soon", "until_step"),
    ],
)
def test_a_hook_that_cannot_be_is_refused_and_nothing_is_journaled(
    runs_folder: Path, key: str, value: str, complaint: str
) -> None:
    experiment = Experiment.create(tiny() + f"hooks: [{HALF}]\n", runs_folder=runs_folder)
    train(experiment, until=2)
    before = experiment.config_text
    with pytest.raises(ValueError, match=complaint):
        experiment.set_value(key, value)
    assert experiment.config_text == before
    assert read_changes(experiment.folder / "journal.jsonl") == []
    plain = Experiment.create(tiny() + f"hooks: [{HALF}]\n", runs_folder=runs_folder, name="plain")
    for one in (experiment, plain):
        train(one, until=4)
    assert weights(experiment) == weights(plain)


def test_a_journal_that_cannot_be_written_leaves_the_hooks_as_they_were(
    runs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = Experiment.create(tiny() + f"hooks: [{HALF}]\n", runs_folder=runs_folder)
    plain = Experiment.create(tiny() + f"hooks: [{HALF}]\n", runs_folder=runs_folder, name="plain")
    train(experiment, until=2)

    def full(*_: object) -> None:
        raise RunError("the disk is full")

    monkeypatch.setattr("lmcore.experiments.runs.writer.append_change", full)
    with pytest.raises(RunError, match="full"):
        experiment.set_value("hooks", "[]")
    train(experiment, until=4)
    train(plain, until=4)
    assert weights(experiment) == weights(plain)


def test_rows_tell_what_each_hook_does(runs_folder: Path) -> None:
    text = tiny(other__norms_interval="2") + f"hooks: [{HALF}, {FROZEN}, {SMOOTH}]\n"
    experiment = Experiment.create(text, runs_folder=runs_folder)
    experiment.set_value("hooks.frozen.from_step", "50")
    told = [record for record in train(experiment, until=2) if isinstance(record, HookStatistics)][-1]
    half, frozen, smooth = told.rows
    assert told.step == 2
    assert (half.name, half.kind, half.use, half.at) == ("half", "forward", "scale", "blocks.0.hook_attn_out")
    assert half.places == ("blocks.0.hook_attn_out",)
    assert half.acting and half.firings >= 2
    assert half.effect == pytest.approx(0.5)
    assert half.milliseconds is not None and half.milliseconds >= 0
    assert frozen.enabled and not frozen.acting and frozen.firings == 0 and frozen.from_step == 50
    assert smooth.effect is not None and smooth.at == ""


def test_hooks_of_an_answer_act_on_it_and_leave_training_as_it_was(runs_folder: Path) -> None:
    settings = SamplingConfig(max_tokens=12, temperature=1.0, seed=3)
    zero = hooks_of_answer(
        ["{use: zero, at: blocks.1.hook_resid_post}", "{use: scale, at: hook_embed, with: {factor: 2.0}}"]
    )

    def text(experiment: Experiment, hooked: bool) -> str:
        return "".join(p.text for p in experiment.generate("One day, ", settings, zero if hooked else ()))

    declared = f"hooks: [{HALF}, {FROZEN}]\n"
    plain = Experiment.create(tiny() + declared, runs_folder=runs_folder, name="plain")
    train(plain)
    asked = Experiment.create(tiny() + declared, runs_folder=runs_folder, name="asked")
    unfinished = asked.generate("One ", SamplingConfig(max_tokens=100), zero)
    while not asked.finished:
        next(unfinished)
        before = text(asked, hooked=False)
        changed = text(asked, hooked=True)
        assert changed == text(asked, hooked=True)
        assert changed != before == text(asked, hooked=False)
        asked.advance(on_batch=lambda: text(asked, hooked=True) and None)
    assert train_losses(asked.folder) == train_losses(plain.folder)
    assert weights(asked) == weights(plain)


@pytest.mark.parametrize(
    ("declaration", "error", "complaint"),
    [
        ("{use: zero, at: blocks.9.hook_z}", HookError, "blocks.9.hook_z"),
        ("{use: clip, kind: update}", RunError, "no update hook acts on it"),
        ("{uses: zero}", ValueError, "did you mean 'use'"),
        ("zero", ValueError, "hooks"),
        ("{use: [", ValueError, "a value is missing"),
    ],
)
def test_a_hook_that_cannot_act_on_an_answer_is_a_sentence(
    runs_folder: Path, declaration: str, error: type[Exception], complaint: str
) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    with pytest.raises(error, match=complaint):
        experiment.generate("One", SamplingConfig(), hooks_of_answer([declaration]))
