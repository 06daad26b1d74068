"""The notebook says what was tried, what changed and what came out, whatever lies in the runs folder."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.experiments.ablation.result import as_json
from lmcore.experiments.notebook.contents import gather
from lmcore.experiments.notebook.page import page
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.journal import append_change, change_now
from lmcore.experiments.runs.notes import write_notes
from lmcore.experiments.runs.samples import Sample, append_sample
from lmcore.protocol.results import AblationResult, ArmResult, CellResult, Verdict
from tests.experiments.runs.made_runs import make_run

TODAY = date(2026, 1, 9)


def written(runs_folder: Path, since: date | None = None, until: date | None = None) -> str:
    return page(gather(runs_folder, since, until), TODAY)


def with_loss(folder: Path, loss: float) -> None:
    text = (folder / "metrics.jsonl").read_text().replace("1.5", str(loss))
    (folder / "metrics.jsonl").write_text(text)


def ablation(runs_folder: Path, *arms: ArmResult, status: str = "finished") -> None:
    """An ablation as it lies on disk."""
    folder = runs_folder / "ablations" / "trial"
    folder.mkdir(parents=True)
    result = AblationResult("trial", "tiny", status, (1,), 30, 1, 1.25, arms)  # type: ignore[arg-type]
    (folder / "result.json").write_text(json.dumps(as_json(result)))


def arm(name: str, run: str, outcome: str = "no difference", difference: float = 0.001) -> ArmResult:
    is_base = name == "baseline"
    verdict = Verdict(2, 2, difference, -0.01, 0.012, 0.5, 0.5, 0.02, outcome)  # type: ignore[arg-type]
    cell = CellResult(1, run, 1.25 if run else None, failure="" if run else "it [died]")
    return ArmResult(name, "" if is_base else "k", "", (cell,), None if is_base else verdict)


def test_days_stand_in_their_order_the_newest_last(tmp_path: Path) -> None:
    make_run(tmp_path, "c", created="2026-01-07T10:00:00+01:00")
    make_run(tmp_path, "a", created="2026-01-02T23:59:00-11:00")
    make_run(tmp_path, "b", created="2026-01-02T08:00:00+01:00")
    text = written(tmp_path)
    assert "Written on Friday, 9 January 2026" in text
    places = [text.index(part) for part in ("Friday, 2 January", "### b", "### a", "Wednesday, 7 January", "### c")]
    assert places == sorted(places)
    assert "### c" not in written(tmp_path, until=date(2026, 1, 6))
    assert written(tmp_path, since=date(2026, 1, 7)).count("###") == 1
    assert "Nothing was tried" in written(tmp_path, since=date(2027, 1, 1))


def test_a_run_is_told_with_what_it_changes_and_what_came_out(tmp_path: Path) -> None:
    make_run(tmp_path, "base")
    baseline = {"name": "base", "is_run": True, "words": "one change: model.norm layernorm → rmsnorm"}
    run = make_run(tmp_path, "norm", baseline=baseline, created="2026-01-02T05:00:00+01:00", tags=["x"])
    with_loss(run, 1.75)
    append_change(run / "journal.jsonl", change_now(2, "training.learning_rate", "0.001", "0.002"))
    append_sample(run / "samples.jsonl", Sample(3, "One day, ", "they *met*\n# twice"))
    write_notes(run, "not what I [thought]\n# at all")
    text = written(tmp_path)
    assert "Against its baseline `base`: one change: model.norm layernorm → rmsnorm." in text
    assert "Changed on the way: training.learning_rate 0.001 → 0.002 at step 2." in text
    assert "validation loss 1.7500 (perplexity 5.755), 1.5000 above the floor of 0.2500." in text
    assert "Worse than its baseline by 0.2500 (1.7500 and 1.5000). One pair of runs." in text
    assert "says nothing about noise" in text
    assert "At step 3 it said: “One day, they \\*met\\* # twice”" in text
    assert "> not what I \\[thought\\]\\\n> \\# at all" in text


def test_a_configuration_as_baseline_is_compared_with_its_run_of_the_same_seed(tmp_path: Path) -> None:
    for seed, created in ((1, "04"), (2, "05")):
        make_run(tmp_path, f"seed{seed}", seed=seed, created=f"2026-01-02T{created}:00:00", config_hash="same")
    baseline = {"name": "base.yaml", "is_run": False, "config_hash": "same", "words": "one change: a 1 → 2"}
    make_run(tmp_path, "new", baseline=baseline, seed=1, created="2026-01-02T06:00:00")
    text = written(tmp_path)
    assert "The same validation loss as `seed1`, a run of its baseline (1.5000 and 1.5000)" in text


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("failed", "**Failed** after 3 of 3 steps"),
        ("interrupted", "**Interrupted** after 3 of 3 steps"),
        ("stopped", "Stopped after 3 of 3 steps"),
    ],
)
def test_what_did_not_end_well_is_said_plainly(tmp_path: Path, status: str, said: str) -> None:
    run = make_run(tmp_path, "run", status=status, confounded="in a *hurry*")
    (run / "log.txt").write_text("first\nloss is [not] finite\n")
    text = written(tmp_path)
    assert said in text and "**Confounded**: several changes at once, because: “in a \\*hurry\\*”" in text
    assert ("The last line of its log: “loss is \\[not\\] finite”" in text) == (status == "failed")


def test_damage_of_any_kind_is_named_and_stops_nothing(tmp_path: Path) -> None:
    make_run(tmp_path, "whole")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    odd = make_run(tmp_path, "odd", baseline=["x"], changed="y", parent=3, settings=[1])
    (odd / "notes.md").write_bytes(b"\xff")
    ablation(tmp_path)
    (tmp_path / "ablations" / "trial" / "result.json").write_text("[]")
    text = written(tmp_path)
    assert "### whole" in text and "**Damaged**" in text.partition("### broken")[2]
    assert "Could not be read: notes" in text.partition("### odd")[2]
    assert "result.json is damaged" in text.partition("### Ablation trial")[2]
    assert text.index("## Without a date") > text.index("### whole")


def test_an_ablation_is_told_in_words_with_what_it_could_not_see(tmp_path: Path) -> None:
    make_run(tmp_path, "cell")
    make_run(tmp_path, "noted")
    write_notes(tmp_path / "noted", "look again")
    arms = (arm("baseline", "cell"), arm("model.norm=rmsnorm", "noted"), arm("x|y", "", "better", -0.5))
    ablation(tmp_path, *arms)
    text = written(tmp_path)
    assert "### cell" not in text and "### noted" in text
    assert "| baseline | 1.2500 | – | the baseline |" in text
    assert "no difference that this experiment could see; it could have seen 0.0200 |" in text
    assert "| x\\|y | – | -0.5000 (-0.0100 … +0.0120) | better |" in text
    assert "- x\\|y, seed 1: it \\[died\\]" in text


def test_a_folder_that_is_not_there_has_an_empty_notebook(tmp_path: Path) -> None:
    assert gather(tmp_path / "nothing") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError):
        gather(tmp_path / "file")


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**400), 10**400), st.floats(), st.text(max_size=4),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
KEYS = ("baseline", "changed", "confounded", "created", "parent", "settings", "tags", "floor", "seed", "max_steps")


@settings(max_examples=80, deadline=None)
@given(
    identity=st.dictionaries(st.sampled_from(KEYS), JUNK),
    rows=st.lists(st.dictionaries(st.sampled_from(["step", "loss/train", "loss/val"]), JUNK), max_size=4),
    lines=st.lists(st.dictionaries(st.sampled_from(["step", "key", "old", "new", "prompt", "text"]), JUNK), max_size=3),
)
def test_whatever_stands_in_the_files_there_is_a_page(
    tmp_path_factory: pytest.TempPathFactory,
    identity: dict[str, Any],
    rows: list[dict[str, Any]],
    lines: list[dict[str, Any]],
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder, "whole")
    odd = make_run(folder, "odd")
    run = json.loads((odd / "run.json").read_text())
    (odd / "run.json").write_text(json.dumps({**run, **identity}))
    for name, written_rows in (("metrics.jsonl", rows), ("journal.jsonl", lines), ("samples.jsonl", lines)):
        with (odd / name).open("a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in written_rows))
    text = written(folder)
    assert "### whole" in text and "`odd`" in text and text.encode("utf-8")
