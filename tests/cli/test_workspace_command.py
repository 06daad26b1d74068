"""`lmcore init`: a folder to work in, from any install."""

import importlib.resources
import tomllib
from pathlib import Path

from tests.cli.run_command import Command

ROOT = Path(__file__).parents[2]


def test_init_lays_out_configs_and_runs(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("init", "lab", "--json")
    assert outcome.code == 0 and "baseline.yaml" in outcome.rows[0]["written"]
    assert Path("lab/runs").is_dir()
    assert lmcore("config", "check", "lab/configs/baseline.yaml").code == 0


def test_init_leaves_what_is_there(lmcore: Command, folder: Path) -> None:
    Path("configs").mkdir()
    Path("configs/baseline.yaml").write_text("model: {}\n")
    outcome = lmcore("init", ".")
    assert outcome.code == 0 and "baseline.yaml" in outcome.err
    assert Path("configs/baseline.yaml").read_text() == "model: {}\n"


def test_init_where_nothing_can_be_made_is_answered(lmcore: Command, folder: Path) -> None:
    Path("file").write_text("")
    outcome = lmcore("init", "file/lab")
    assert outcome.code == 2 and "Not a directory" in outcome.err


def test_the_wheel_carries_the_configurations() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "*.yaml" in setup["package-data"]["configs"] and "configs*" in setup["packages"]["find"]["include"]
    assert importlib.resources.files("configs").joinpath("baseline.yaml").is_file()
