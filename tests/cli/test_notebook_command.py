"""`lmcore notebook` and `lmcore runs note`."""

import io
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.run_command import Command
from tests.experiments.runs.made_runs import make_run


def test_the_page_is_written_where_it_is_asked_for(lmcore: Command, folder: Path) -> None:
    assert "nothing to write of yet" in lmcore("notebook").err
    make_run(Path("runs"), "first")
    outcome = lmcore("notebook")
    today = datetime.now().astimezone().date()
    assert (outcome.code, outcome.out.strip()) == (0, f"runs/notebook/{today}.md")
    assert "1 day, 1 run, 0 ablations" in outcome.err
    assert Path(outcome.out.strip()).read_text() == lmcore("notebook", "-o", "-").out
    assert lmcore("notebook", "--since", "2026-01-03", "-o", "page.md").code == 0
    assert "first" not in Path("page.md").read_text()
    assert lmcore("notebook", "--json").rows[0]["runs"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), "yesterday"),
        (("--since", "2026-01-03", "--until", "2026-01-02"), "before"),
        (("-o", "no/such/page.md"), "no/such"),
    ],
)
def test_what_cannot_be_is_answered(lmcore: Command, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    outcome = lmcore("notebook", *arguments)
    assert outcome.code == 2 and said in outcome.err


def test_notes_are_added_shown_and_quoted(lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(Path("runs"), "first")
    assert "no notes yet" in lmcore("runs", "note", "first").err
    assert lmcore("runs", "note", "first", "looks good").code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("from\x1b[2J a pipe\n"))
    assert lmcore("runs", "note", "first", "-").code == 0
    assert lmcore("runs", "note", "first").out == "looks good\nfrom\\x1b[2J a pipe\n"
    assert lmcore("runs", "note", "first", " ").code == 2
    assert lmcore("runs", "note", "first", "--json").rows[0]["notes"].startswith("looks good\n")
    assert "looks good" in lmcore("runs", "show", "first").out
    assert "> looks good\\\n" in lmcore("notebook", "-o", "-").out
