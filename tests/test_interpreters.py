"""No Python that we start, and no `python -m` of ours, imports what lies in the working folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from lmcore import interpreters
from lmcore.interpreters import leave_out_working_folder, lmcore_command
from lmcore.process.ablation.jobs import Job
from lmcore.process.client.client import CoreClient
from lmcore.protocol.messages import Ready

NAMES = ("lmcore/__init__", "lmcore/cli", "torch", "signal", "pickle", "random", "queue", "multiprocessing/__init__")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with modules that leave a mark when they are run."""
    folder = tmp_path / "hostile"
    for name in NAMES:
        module = folder / f"{name}.py"
        module.parent.mkdir(parents=True, exist_ok=True)
        mark = tmp_path / "marks" / name.replace("/", ".")
        module.write_text(f"open({str(mark)!r}, 'w').close()\nraise SystemExit('{name} of a stranger was run')\n")
    (tmp_path / "marks").mkdir()
    monkeypatch.chdir(folder)
    return folder


def marks(hostile: Path) -> list[str]:
    """The modules that were run."""
    return sorted(path.name for path in (hostile.parent / "marks").iterdir())


def test_the_marks_are_left_by_a_python_that_imports_from_there(hostile: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import queue"], capture_output=True, text=True, check=False)
    assert "queue of a stranger was run" in done.stderr and marks(hostile) == ["queue"]


def test_the_core_of_the_lab_imports_nothing_from_the_working_folder(hostile: Path, tmp_path: Path) -> None:
    with CoreClient(log_folder=tmp_path / "logs") as core:
        core.wait_for(Ready)
    assert marks(hostile) == []


def test_a_job_of_an_ablation_imports_nothing_from_the_working_folder(hostile: Path) -> None:
    done = subprocess.run(lmcore_command("--version"), capture_output=True, text=True, check=False)
    assert (done.returncode, marks(hostile)) == (0, []), done.stderr
    assert done.stdout.startswith("lmlab ")


def test_jobs_are_this_very_lmcore_without_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "checkout" / "lmcore"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "cli.py").write_text("import sys\n\ndef main():\n    print('the checkout', *sys.argv[1:])\n")
    (tmp_path / "checkout" / "queue.py").write_text("raise SystemExit('it hides a module of Python')\n")
    monkeypatch.setattr(interpreters, "ROOT", str(tmp_path / "checkout"))
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(lmcore_command("train", "x"), capture_output=True, text=True, check=False)
    assert done.stdout == "the checkout train x\n", done.stderr


@pytest.mark.parametrize("resume", [None, Path("run")])
def test_a_job_is_that_command(resume: Path | None) -> None:
    job = Job(None, Path("config.yaml"), Path("log"), resume)  # type: ignore[arg-type]
    what = ["resume", "run"] if resume else ["train", "config.yaml"]
    assert job.command == lmcore_command(*what, "--json")


def test_python_m_leaves_the_working_folder_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/usr/lib/python", "", "/usr/lib/site-packages"])
    leave_out_working_folder()
    assert sys.path == ["/usr/lib/python", "/usr/lib/site-packages"]


def test_a_checkout_that_is_the_working_folder_hides_no_module_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(interpreters, "ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/usr/lib/python", "/usr/lib/site-packages"])
    leave_out_working_folder()
    assert sys.path == ["/usr/lib/python", str(tmp_path), "/usr/lib/site-packages"]
