"""The `lmlab` command before the screen opens: arguments, wrong input, no terminal, and what it imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from tui.__main__ import main
from tui.themes import default_theme


def test_without_a_terminal_it_says_so_and_names_the_headless_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr()
    assert "needs a terminal" in said.err and "lmcore train" in said.err and not said.out


def test_a_terminal_that_cannot_be_drawn_on_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert main([]) == 2
    assert "TERM is dumb" in capsys.readouterr().err


def test_a_configuration_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["basline"]) == 2
    said = capsys.readouterr().err
    assert "basline" in said and "baseline" in said and "Traceback" not in said


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lmlab ")


def test_a_wrong_option_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--nonsense"])
    assert ended.value.code == 2 and "--nonsense" in capsys.readouterr().err


def test_the_first_frame_needs_neither_torch_nor_the_schema_nor_plotext() -> None:
    heavy = ("torch", "pydantic", "yaml", "plotext", "textual_plotext", "tree_sitter", "numpy")
    code = f"import sys, tui.app; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_nothing_of_the_screens_imports_torch() -> None:
    root = Path(__file__).parents[2]
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in (root / "tui").rglob("*.py")
        if path.name != "__main__.py"
    ]
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules!r}]; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({"TERM": "xterm-256color"}, "lab-dark"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "lab-dark"),
        ({"TERM": "linux"}, "lab-terminal"),
        ({}, "lab-terminal"),
    ],
)
def test_the_theme_is_what_the_terminal_can(environment: dict[str, str], theme: str) -> None:
    assert default_theme(environment).name == theme
