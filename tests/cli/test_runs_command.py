"""`lmcore runs` from the command line: selecting, sorting, tagging, archiving, removing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lmcore.cli.options import complete_run
from lmcore.experiments.runs.listing import list_runs
from tests.cli.run_command import Command
from tests.experiments.runs.made_runs import make_run


@pytest.fixture
def runs(folder: Path) -> Path:
    """Four runs: two with tags, one of them a fork; an archived one; a damaged one."""
    runs = folder / "runs"
    make_run(runs, "a-first", tags=["lr"], settings={"training.optimizer": "muon"}, created="2026-01-01T00:00:00+00:00")
    make_run(runs, "b-fork", tags=["lr", "big"], parent={"run": "a-first", "step": 2}, settings={})
    make_run(runs, "c-hidden", archived=True)
    (make_run(runs, "d-damaged") / "run.json").write_text("{")
    (runs / "a-first" / "metrics.jsonl").open("a").write('{"step": 3, "loss/val": 1.25, "other/score": 7.0}\n')
    return runs


def names(out: str) -> list[str]:
    return [next(word for word in line.split() if word != "└") for line in out.splitlines()[1:]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["a-first", "b-fork", "d-damaged"]),
        (["--all"], ["a-first", "b-fork", "c-hidden", "d-damaged"]),
        (["archived:yes"], ["c-hidden"]),
        (["tag:lr", "-tag:big"], ["a-first"]),
        (["-tag:big"], ["a-first", "d-damaged"]),
        (["tag:lr loss/val<1.4"], ["a-first"]),
        (["optimizer=muon"], ["a-first"]),
        (["status:damaged"], ["d-damaged"]),
        (["fork"], ["b-fork"]),
        (["--sort", "loss/val"], ["a-first", "b-fork", "d-damaged"]),
        (["--sort", "loss/val", "--reverse", "-damaged"], ["b-fork", "a-first"]),
        (["--sort", "other/score", "lr"], ["a-first", "b-fork"]),
    ],
)
def test_runs_are_selected_and_sorted(lmcore: Command, runs: Path, arguments: list[str], expected: list[str]) -> None:
    outcome = lmcore("runs", "list", *arguments)
    assert outcome.code == 0
    found = names(outcome.out)
    assert (found if "--sort" in arguments else sorted(found)) == expected


def test_a_fork_stands_under_its_parent_with_tags_and_what_is_wrong_below(lmcore: Command, runs: Path) -> None:
    outcome = lmcore("runs", "list")
    assert "└ b-fork · from step 2" in outcome.out and "big lr" not in outcome.out and "lr big" in outcome.out
    assert "d-damaged: " in outcome.err and "not valid JSON" in outcome.err


def test_what_is_sorted_by_has_a_column_and_there_is_no_tree(lmcore: Command, runs: Path) -> None:
    out = lmcore("runs", "list", "--sort", "other/score").out
    assert "other/score" in out and "7.0000" in out and "└" not in out


def test_json_carries_tags_settings_and_what_is_sorted_by(lmcore: Command, runs: Path) -> None:
    row = lmcore("runs", "list", "first", "--sort", "other/score", "--json").rows[0]
    assert (row["tags"], row["archived"], row["other/score"]) == (["lr"], False, 7.0)
    assert row["settings"] == {"training.optimizer": "muon"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sead:3"], "did you mean seed?"),
        (["loss/val<"], "wants a value"),
        (["loss/val"], "say how the metric compares"),
        (["--sort", "sed"], "did you mean seed?"),
        (["--sort", "loss/vall"], "No run has the metric loss/vall; did you mean loss/val?"),
        (["--srot"], "no option --srot"),
    ],
)
def test_a_query_that_means_nothing_is_a_sentence(
    lmcore: Command, runs: Path, arguments: list[str], sentence: str
) -> None:
    outcome = lmcore("runs", "list", *arguments)
    assert outcome.code == 2 and sentence in outcome.err and not outcome.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tag:none"], "No run has that tag (tag:none); the tags are big, lr."),
        (["loss/vall<9"], "did you mean loss/val?"),
        (["zebra"], "None of the 4 runs fits."),
    ],
)
def test_a_query_that_no_run_fits_says_so(lmcore: Command, runs: Path, arguments: list[str], sentence: str) -> None:
    outcome = lmcore("runs", "list", *arguments)
    assert outcome.code == 0 and sentence in outcome.err and not outcome.out


def test_help_is_there_although_minus_begins_a_word(lmcore: Command, folder: Path) -> None:
    assert "--reverse" in lmcore("runs", "list", "-h").out and "+TAG" in lmcore("runs", "tag", "x", "-h").out


def test_tags_are_given_and_taken(lmcore: Command, runs: Path) -> None:
    outcome = lmcore("runs", "tag", "fork", "+yes", "-big", "--json")
    assert outcome.code == 0 and outcome.rows[0]["tags"] == ["lr", "yes"]
    assert "tags             lr yes" in lmcore("runs", "show", "fork").out
    for words, sentence in ((["yes"], "Write +yes"), (["+No"], "is no tag"), (["+"], "is no tag")):
        outcome = lmcore("runs", "tag", "fork", *words)
        assert outcome.code == 2 and sentence in outcome.err
    assert lmcore("runs", "tag", "fork").code == 2
    assert lmcore("runs", "tag", "damaged", "+x").code == 2


def test_of_a_damaged_run_what_can_be_read_is_shown(lmcore: Command, runs: Path) -> None:
    folder = runs / "d-damaged"
    (folder / "samples.jsonl").write_text('{"step": 3, "prompt": "Once", "text": " upon"}\n')
    (folder / "config.yaml").write_text("model: {n_layers: 2}\n")
    for damage in (None, folder / "config.yaml"):
        if damage is not None:
            damage.unlink()
        outcome = lmcore("runs", "show", "damaged")
        assert outcome.code == 0 and "damaged" in outcome.out and "1.5000" in outcome.out and "Once upon" in outcome.out
        assert ("model.n_layers: 2" in outcome.out) == (damage is None)
    (row,) = lmcore("runs", "show", "damaged", "--json").rows
    assert row["run"] is None and row["loss_val"] == 1.5 and "not valid JSON" in row["note"]


def test_runs_go_into_the_archive_and_come_back(lmcore: Command, runs: Path) -> None:
    assert lmcore("runs", "archive", "first", "fork").code == 0
    assert {run.name for run in list_runs(runs) if run.archived} == {"a-first", "b-fork", "c-hidden"}
    assert "archived         yes" in lmcore("runs", "show", "first").out
    assert lmcore("runs", "unarchive", "first", "fork", "hidden").code == 0
    assert not [run for run in list_runs(runs) if run.archived]
    assert lmcore("runs", "archive", "first", "no-such-run").code == 2
    assert not [run for run in list_runs(runs) if run.archived]


def test_when_all_runs_are_archived_the_list_says_where_they_are(lmcore: Command, folder: Path) -> None:
    make_run(folder / "runs", "a", archived=True)
    assert "runs list --all" in lmcore("runs", "list").err


def test_removing_never_follows_a_link_out(lmcore: Command, runs: Path, tmp_path: Path) -> None:
    outside = make_run(tmp_path / "elsewhere", "x")
    (runs / "group").symlink_to(outside.parent, target_is_directory=True)
    (runs / "single").symlink_to(outside, target_is_directory=True)
    for name, sentence in (("group/x", "leads out of"), ("single", "is a link to"), ("runs/group/x", "leads out of")):
        outcome = lmcore("runs", "rm", name, "--yes")
        assert outcome.code == 2 and sentence in outcome.err
    assert (outside / "run.json").exists()


def test_names_are_completed_without_torch_or_the_schema(folder: Path) -> None:
    make_run(folder / "runs", "one")
    code = (
        "import sys\nfrom lmcore.cli.options import complete_run\nassert complete_run('n') == ['one']\n"
        "assert not {'torch', 'pydantic', 'lmcore.config'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_titles_are_listed_changed_and_found(lmcore: Command, runs: Path) -> None:
    before = (runs / "a-first/run.json").read_text()
    outcome = lmcore("runs", "rename", "a-first", "  the  wide one ", "--json")
    assert outcome.code == 0 and outcome.rows == [{"run": str(Path("runs/a-first")), "title": "the wide one"}]
    after = json.loads((runs / "a-first/run.json").read_text())
    assert after == {**json.loads(before), "title": "the wide one"}
    listed = lmcore("runs", "list")
    assert "title" in listed.out.splitlines()[0] and "the wide one" in listed.out
    assert lmcore("runs", "show", "wide").code == lmcore("runs", "show", "the wide one").code == 0
    assert complete_run("wide") == ["a-first"] and complete_run("la") == ["last"]
    for wrong in ("", "x" * 101, "\x1b[2J"):
        refused = lmcore("runs", "rename", "a-first", wrong)
        assert refused.code == 2 and "title" in refused.err


def test_last_is_the_newest_run_in_every_command(lmcore: Command, runs: Path) -> None:
    make_run(runs, "e-newest", created="2026-05-05T00:00:00+00:00")
    assert "e-newest" in lmcore("runs", "show", "last").out
    assert "e-newest" in lmcore("runs", "tag", "last", "+x").err
    assert "e-newest" in lmcore("config", "diff", "last", "a-first").out + lmcore("runs", "archive", "last").err
