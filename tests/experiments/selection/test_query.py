"""What a query means, half-typed and wrong ones among them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.config.values import leaf_keys
from lmcore.experiments.runs.summary import RunSummary
from lmcore.experiments.selection.query import PROPERTIES, ROW_NUMBERS, is_metric, known_key, parse_query
from lmcore.experiments.selection.select import explain, select, sort_runs
from lmcore.experiments.selection.values import RunValues, value_text

VALUES: dict[str, Any] = {
    "name": "20260102-baseline-ab12",
    "title": "Baseline [/ ü",
    "folder": Path("nowhere"),
    "status": "finished",
    "step": 400,
    "max_steps": 400,
    "created": "2026-01-02T03:04:05+01:00",
    "loss_train": 1.25,
    "loss_val": 1.5,
    "floor": None,
    "config_hash": "ab12cd",
    "seed": 3,
    "parameters": 803_072,
    "parent": "20260101-first-ff00",
    "tags": ("muon", "lr-1.5"),
    "settings": {
        "training.optimizer": "muon",
        "training.learning_rate": 0.003,
        "model.n_layers": 6,
        "model.bias": True,
        "hooks": [{"name": "silence", "use": "zero", "at": "blocks.1.attn.hook_z"}],
    },
}


def fits(text: str, **changes: Any) -> bool:
    """Whether a run fits a query."""
    run = RunSummary(**{**VALUES, **changes})
    query, values = parse_query(text), RunValues()
    values.read([run], [term.column for term in query.terms if term.column])
    return select([run], query, values) == [run]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "base 2026",
        "FINISHED",
        "ab12c",
        "[/ ü",
        "lr-1",
        '"baseline [/"',
        "tag:muon",
        "tag:MUON tag:lr-*",
        "-tag:sgd",
        "tag!=sgd",
        "status:fin",
        "status=finished -status:running",
        "parent:first",
        "parent:*",
        "seed:3 seed=3 seed!=4 seed>2 seed<=3 -seed:4",
        "step>=4e2 parameters>800_000",
        "title:line title:base*",
        "hash:ab",
        "begun>=2026 begun<2026-02 begun:2026-01-02",
        "loss/val<1.9",
        "loss/val<=1.5 loss/val>=1.5 loss/val=1.5 loss/val!=1.6 loss/val>1",
        "training.optimizer=muon",
        "optimizer=MUON optimizer:mu* optimizer!=adamw -optimizer=sgd",
        "learning_rate=3e-3 training.learning_rate<0.01",
        "model.n_layers>=4 n_layers=6",
        "bias=true model.norm=layernorm model.d_mlp=null",
        "hooks=zero hooks:silence hooks>0 hooks=1 -hooks=noise",
        "archived:no",
        "confounded:no",
        "dataset.path=",
        "-",
    ],
)
def test_a_run_fits(text: str) -> None:
    assert fits(text), text


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "-base",
        '"2026 base"',
        "tag:mu",
        "-tag:muon",
        "tag:*s*",
        "status:running",
        "status!=finished",
        "seed:4",
        "seed>3",
        "parent:second",
        "floor<9",
        "floor!=9",
        "begun>2026-01-02",
        "loss/val<1.5",
        "-loss/val<1.9",
        "loss/other<9",
        "loss/val=nan",
        "optimizer=adamw",
        "model.n_layers<6",
        "hooks=noise",
        "hooks=0",
        "archived:yes",
        "title=baseline",
    ],
)
def test_a_run_does_not_fit(text: str) -> None:
    assert not fits(text), text


def test_what_a_run_does_not_have_fits_no_comparison_but_its_negation() -> None:
    for term in ("seed>0", "seed!=0", "loss/other>0", "loss/other!=0"):
        assert not fits(term, seed=None) and fits(f"-{term}", seed=None)
    unreadable = {"settings": None}  # and no config.yaml either
    assert not fits("optimizer!=adamw", **unreadable) and fits("-optimizer!=adamw", **unreadable)


def test_a_run_that_broke_is_found_by_its_loss() -> None:
    assert fits("loss/val=nan -loss/val<9", loss_val=float("nan")) and fits("loss/val>1e6", loss_val=float("inf"))
    assert not fits("loss/val!=nan", loss_val=float("nan")) and fits("loss/val!=nan")


def test_archived_runs_are_hidden_unless_the_query_asks_for_them() -> None:
    assert not fits("base", archived=True)
    assert fits("archived:yes", archived=True) and fits("-archived:no", archived=True)
    query, run = parse_query("base"), RunSummary(**{**VALUES, "archived": True})
    assert select([run], query, RunValues(), archived=True) == [run]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sead:3", "There is no 'sead' to ask for; did you mean seed?"),
        ("xyzzy=1", "There is no 'xyzzy' to ask for. Ask for tag, "),
        ("model.n_layer=3", "did you mean model.n_layers?"),
        ("batch_size=4", "training.batch_size or evaluation.batch_size"),
        ("optimizer=muno", "did you mean muon?"),
        ("model.norm=batch", "it is layernorm, rmsnorm"),
        ("model.bias=perhaps", "true or false"),
        ("n_layers=four", "is a number"),
        ("seed<three", "seed is a number"),
        ("status:done", "A run's status is running, "),
        ("tag<x", "has no order"),
        ("archived:perhaps", "yes or no"),
        ("begun>yesterday", "2026-01-31"),
    ],
)
def test_a_wrong_term_asks_for_nothing_and_is_told(text: str, sentence: str) -> None:
    query = parse_query(f"base {text}")
    assert sentence in query.problem and len(query.terms) == 1 and not query.unfinished


@pytest.mark.parametrize(
    "whole",
    [
        "tag:muon",
        "-tag:sgd",
        "loss/val<1.9",
        "loss/val>=-1e-3",
        "training.optimizer=muon",
        "model.bias=true",
        "model.norm!=rmsnorm",
        "archived:yes",
        "loss/train=nan",
        "d_mlp=null",
    ],
)
def test_a_term_is_never_called_wrong_on_the_way_to_its_end(whole: str) -> None:
    assert parse_query(whole).terms and not parse_query(whole).unfinished
    start = min(whole.index(mark) for mark in ":=<>!" if mark in whole)
    for end in range(start + 1, len(whole)):
        assert not parse_query(whole[:end]).problem, whole[:end]
    assert parse_query(whole[: start + 1]).unfinished


COMPARISONS = [":", "=", "!=", "<", "<=", ">", ">="]
PLAIN_KEYS = [*PROPERTIES, *ROW_NUMBERS, "loss/val", "optimizer", "training.optimizer", "norm", "model.bias", "hooks"]
VALUES_ASKED = [
    "0",
    "1.9",
    "-1e-3",
    "1e",
    "9" * 400,
    "nan",
    "inf",
    "null",
    "true",
    "muon",
    "*",
    ":",
    "=",
    "[/",
    "2026",
    "\x1b",
]
VALUES_HELD = [
    None,
    0,
    1,
    2.5,
    float("nan"),
    True,
    "",
    "text",
    {},
    {"name": "a"},
    [],
    [1],
    [{"name": "a", "at": 3}],
    10**400,
]
"""What a run.json that somebody wrote may have in the place of a setting."""


def ask(text: str) -> None:
    """Ask a query of a run that has each of these in the place of each setting."""
    query = parse_query(text)
    columns = [term.column for term in query.terms if term.column and not is_metric(term.column)]
    for held in VALUES_HELD:
        run, values = RunSummary(**{**VALUES, "settings": dict.fromkeys(columns, held)}), RunValues()
        values.read([run], columns)
        assert select([run], query, values) in ([run], [])
        explain(query, [run], values)
        assert all(sort_runs([run], column, values) and value_text(values.of(run, column)) for column in columns)


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_no_key_comparison_and_value_make_a_query_raise(key: str) -> None:
    for comparison in COMPARISONS:
        for value in VALUES_ASKED:
            ask(f"{key}{comparison}{value}")


PARTS = st.sampled_from(
    [*PLAIN_KEYS, *leaf_keys(), "training.", *COMPARISONS, *VALUES_ASKED, "!", "-", '"', ".", "/", " ", "\ud800"]
)


@given(st.text() | st.lists(PARTS, max_size=12).map("".join))
def test_no_text_makes_a_query_raise(text: str) -> None:
    ask(text)


def test_keys_to_sort_by_are_spelled_out() -> None:
    assert known_key("optimizer") == "training.optimizer" and known_key("grad/l2_norm/global") == "grad/l2_norm/global"
    with pytest.raises(ValueError, match="did you mean seed"):
        known_key("sed")
