"""A sentence for a person ends a command with 2 and no trace; a fault of the lab with 1, and how to see where it is."""

import re

import pytest

from lmcore.cli.app import run
from lmcore.errors import LabError

BROKE = "Something broke that should not:"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (LabError("there is no such thing; there is another."), 2, "there is no such thing; there is another."),
        (
            ValueError("of torch"),
            1,
            "Something broke that should not: ValueError: of torch (test_errors.py, line N). It is a fault of "
            "lmlab: report it with its traceback (`lmcore --debug …` shows it).",
        ),
    ],
)
def test_errors_end_a_command(
    error: Exception, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("lmcore.config.find_config", fail)
    assert run(["config", "check", "baseline"]) == code
    shown = capsys.readouterr().err
    assert re.sub(r"line \d+", "line N", shown.strip()) == said
    assert "Traceback" not in shown
