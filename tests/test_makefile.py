"""`make`: one installation where one is enough, and one that was cut off or moved is made anew."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = """#!/bin/sh
# Stands for every Python: does what a fresh environment needs, and writes down what it was asked for.
case "$*" in
"-m venv"*) rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; echo venv >> "$LOG";;
"-m pip --version") exit 0;;
"-m pip install"*) if [ -e broken ]; then echo "no network" >&2; exit 1; fi
  for last; do :; done; echo "install $last" >> "$LOG"
  printf '#!/bin/sh\\necho opened >> "$LOG"\\n' > .venv/bin/lmlab; chmod +x .venv/bin/lmlab;;
"-m pytest"*) echo pytest >> "$LOG";;
"-P -c"*) [ ! -e moved ];;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile, and a Python that only writes down what it was asked for."""
    root = Path(__file__).parents[1]
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make(checkout: Path, target: str) -> tuple[int, list[str], str]:
    """Its exit code, what was done, and what was said on stderr."""
    log = checkout / "log"
    log.write_text("")
    environment = {**os.environ, "LOG": str(log)}
    for name in ("MAKEFLAGS", "MAKELEVEL", "VENV", "PYTHON"):
        environment.pop(name, None)
    command = ["make", f"PYTHON={checkout / 'python'}", target]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    return done.returncode, log.read_text().splitlines(), done.stderr


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no make")


def test_one_installation_serves_the_lab_and_the_tests(checkout: Path) -> None:
    assert make(checkout, "test")[:2] == (0, ["venv", "install .[dev,bpe]", "pytest"])
    assert make(checkout, "lab")[:2] == (0, ["opened"])
    later = (checkout / ".venv/.dev").stat().st_mtime + 10
    os.utime(checkout / "pyproject.toml", (later, later))
    assert make(checkout, "lab")[:2] == (0, ["install .", "opened"])


def test_what_pip_says_is_seen_and_an_installation_that_was_cut_off_is_made_anew(checkout: Path) -> None:
    (checkout / "broken").touch()
    code, done, said = make(checkout, "lab")
    assert code != 0 and done == ["venv"] and "no network" in said
    (checkout / "broken").unlink()
    assert make(checkout, "lab")[:2] == (0, ["venv", "install .", "opened"])
    assert make(checkout, "lab")[:2] == (0, ["opened"])


@pytest.mark.parametrize("gone", ["python", "moved"])
def test_an_environment_without_its_python_or_of_another_folder_is_made_anew(checkout: Path, gone: str) -> None:
    make(checkout, "lab")
    if gone == "python":
        (checkout / ".venv/bin/python").unlink()
        (checkout / ".venv/bin/python").symlink_to("not-there")
    else:
        (checkout / "moved").touch()
    code, done, said = make(checkout, "lab")
    assert (code, done) == (0, ["venv", "install .", "opened"]), said


def test_an_environment_without_pip_is_made_anew(checkout: Path) -> None:
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").write_text("#!/bin/sh\nexit 1\n")
    (checkout / ".venv/bin/python").chmod(0o755)
    assert make(checkout, "lab")[:2] == (0, ["venv", "install .", "opened"])
