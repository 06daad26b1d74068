"""A run is planned once: its text is judged once, and what it decides is what is made."""

from pathlib import Path
from typing import Any

import pytest

from lmcore.config import ConfigError, parse_config, text
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import ConsentNeeded
from lmcore.experiments.identity.run_plan import plan_run
from tests.experiments.tiny import tiny


def test_a_run_is_begun_from_a_text_that_is_judged_once(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    validate = text.validate
    monkeypatch.setattr(text, "validate", lambda data: judged.append(data) or validate(data))
    plan = plan_run(tiny(), runs_folder=runs_folder, name="once")
    experiment = Experiment.begin(plan)
    assert len(judged) == 1
    assert (experiment.title, experiment.config, experiment.config_text) == ("once", plan.config, plan.text)


def test_its_text_says_what_its_values_are() -> None:
    overrides = [("training.max_steps", "9"), ("training.learning_rate", "2e-3")]
    named = plan_run(tiny(), overrides=overrides, default_name="tiny")
    assert parse_config(named.text) == named.config
    assert (named.config.other.name, named.config.training.max_steps) == ("tiny", 9)
    assert plan_run(tiny(other__name="mine"), default_name="tiny").config.other.name == "mine"
    assert plan_run(tiny(other__name="mine"), name="given").config.other.name == "given"


def test_a_plan_that_cannot_be_leaves_nothing(runs_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^here\.yaml"):
        plan_run("model: {d_modl: 8}", runs_folder=runs_folder, source="here.yaml")
    (tmp_path / "mine.py").write_text("raise SystemExit('it ran')\n")
    with pytest.raises(ConsentNeeded):
        hooks = "hooks:\n  - {name: mine, kind: forward, use: mine.py:half, at: blocks.0.hook_mlp_out}\n"
        plan_run(tiny() + hooks, runs_folder=runs_folder, config_folder=tmp_path)
    assert not runs_folder.exists()
