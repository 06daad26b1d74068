"""Values that are read when they are asked for, the order of runs, and what is said of a query that fits none."""

import json
from pathlib import Path

import pytest

from lmcore.experiments.runs.listing import list_runs
from lmcore.experiments.runs.metrics import MetricsWriter
from lmcore.experiments.runs.summary import RunSummary
from lmcore.experiments.selection import values as reading
from lmcore.experiments.selection.query import parse_query
from lmcore.experiments.selection.select import explain, needed_columns, select, sort_runs
from lmcore.experiments.selection.values import RunValues, value_text
from tests.experiments.runs.made_runs import make_run


def log(folder: Path, **metrics: float) -> None:
    """Add a row with metrics to a run."""
    writer = MetricsWriter(folder / "metrics.jsonl")
    writer.append({"step": 3, **{name.replace("__", "/"): value for name, value in metrics.items()}})
    writer.close()


def names(runs: list[RunSummary]) -> str:
    return "".join(run.name for run in runs)


def chosen(runs_folder: Path, text: str) -> str:
    runs, query, values = list_runs(runs_folder), parse_query(text), RunValues()
    values.read(runs, needed_columns(query))
    return "".join(sorted(run.name for run in select(runs, query, values)))


def test_any_metric_of_the_last_rows_can_be_asked_for(tmp_path: Path) -> None:
    for name, norm in (("a", 0.5), ("b", 2.0), ("c", float("nan"))):
        log(make_run(tmp_path, name), grad__l2_norm__global=norm)
    make_run(tmp_path, "d")
    assert chosen(tmp_path, "grad/l2_norm/global<1") == "a"
    assert chosen(tmp_path, "-grad/l2_norm/global<1") == "bcd"
    assert chosen(tmp_path, "grad/l2_norm/global=nan") == "c"
    assert chosen(tmp_path, "loss/val<2 tokens>=24") == "abcd"


def test_an_evaluation_far_behind_norms_is_found_where_another_run_has_one(tmp_path: Path) -> None:
    for name in "ab":
        log(make_run(tmp_path, name), perplexity__val=3.0)
    for _ in range(40):
        log(tmp_path / "b", **{f"grad__{index}": 1.0 for index in range(400)})
    assert (tmp_path / "b" / "metrics.jsonl").stat().st_size > 1 << 17
    assert chosen(tmp_path, "perplexity/val<4") == "ab"


def test_settings_come_from_run_json_or_from_the_configuration_of_an_older_run(tmp_path: Path) -> None:
    make_run(tmp_path, "a", settings={"training.optimizer": "muon", "model.n_layers": 6})
    old = make_run(tmp_path, "b")
    (old / "config.yaml").write_text(
        "training: {optimizer: muon}\nhooks:\n  - {name: mute, use: zero, at: hook_embed}\n"
    )
    (make_run(tmp_path, "c") / "config.yaml").write_text("training: [")
    (make_run(tmp_path, "d") / "config.yaml").unlink()
    assert chosen(tmp_path, "optimizer=muon") == "ab"
    assert chosen(tmp_path, "model.n_layers=4") == "b"
    assert chosen(tmp_path, "hooks=mute") == "b"
    assert chosen(tmp_path, "hooks=0") == "a"


def test_a_value_is_read_once_and_anew_when_it_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(tmp_path, "a")
    log(folder, x__y=1.0)
    runs, values = list_runs(tmp_path), RunValues()
    assert values.lacks(runs, ["x/y"])
    values.read(runs, ["x/y"])
    assert not values.lacks(runs, ["x/y"]) and values.column("x/y") == {"a": 1.0}
    log(folder, x__y=2.0)
    values.read(runs, ["x/y"])
    assert values.column("x/y") == {"a": 1.0}
    values.forget(["a"])
    assert values.column("x/y") == {} and values.lacks(runs, ["x/y"])
    values.read(runs, ["x/y"])
    assert values.column("x/y") == {"a": 2.0}
    monkeypatch.setattr(reading, "latest_values", lambda *_: pytest.fail("a file was read again"))
    values.read(runs, ["x/y"])


def test_runs_are_sorted_by_any_value_and_those_without_one_stand_last(tmp_path: Path) -> None:
    for name, loss in (("a", 2.0), ("b", float("nan")), ("c", -1.0), ("d", None)):
        folder = make_run(tmp_path, name, seed=ord(name), tags=["x"] if name in "cd" else [])
        if loss is not None:
            log(folder, other__loss=loss)
    runs, values = list_runs(tmp_path), RunValues()
    values.read(runs, ["other/loss", "training.optimizer"])
    assert names(sort_runs(runs, "other/loss", values)) == "cadb"
    assert names(sort_runs(runs, "other/loss", values, reverse=True)) == "acdb"
    assert names(sort_runs(runs, "seed", values)) == "abcd"
    for key in ("tag", "status", "training.optimizer", "archived", "none/such"):
        assert sorted(names(sort_runs(runs, key, values))) == list("abcd")


def test_a_metric_or_a_tag_that_no_run_has_is_told_with_those_there_are(tmp_path: Path) -> None:
    make_run(tmp_path, "a", tags=["muon"])
    runs, values = list_runs(tmp_path), RunValues()
    for text, sentence in (
        ("loss/vla<2", "No run has the metric loss/vla; did you mean loss/val?"),
        ("tag:mu", "No run has that tag (tag:mu); the tags are muon."),
        ("sead:1", "did you mean seed"),
        ("tag:muon loss/val<2 optimizer=sgd", ""),
    ):
        query = parse_query(text)
        values.read(runs, needed_columns(query))
        assert sentence in explain(query, runs, values) and bool(sentence) == bool(explain(query, runs, values))


def test_values_are_written_for_people() -> None:
    values = [None, "", 1.23456, 1e-7, 123456.0, 12345, True, ("a", "b"), (), "muon", [{}], float("nan")]
    assert [value_text(value) for value in values] == (
        ["–", "–", "1.2346", "1e-07", "1.23e+05", "12,345", "yes", "a b", "–", "muon", "1", "nan"]
    )
    assert json.dumps(value_text(0.0)) == '"0"'
