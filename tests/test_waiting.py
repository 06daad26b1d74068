"""How threads wait is set before torch is loaded, in every way to begin, and never against what a person says."""

import os
import subprocess
import sys

import pytest

from lmcore.waiting import SETTINGS, WAITING, choose_waiting


def test_it_is_set_where_nothing_is_said() -> None:
    environment = {"HOME": "/"}
    assert choose_waiting(environment, is_loaded=False) == " ".join(f"{name}={way}" for name, way in WAITING.items())
    assert environment == {"HOME": "/", **WAITING}
    assert choose_waiting(environment, is_loaded=True) == "OMP_WAIT_POLICY=passive"  # as a child gets it


@pytest.mark.parametrize("name", SETTINGS)
def test_what_a_person_says_stays(name: str) -> None:
    environment = {name: "7"}
    assert choose_waiting(environment, is_loaded=False) == f"{name}=7"
    assert environment == {name: "7"}


def test_after_torch_is_loaded_nothing_is_claimed() -> None:
    environment: dict[str, str] = {}
    assert choose_waiting(environment, is_loaded=True) == "as torch has it"
    assert environment == {}


def test_every_room_sets_it_before_torch_is_loaded() -> None:
    """libgomp says what it was given when it is loaded."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    said = subprocess.run(
        [sys.executable, "-c", "import lmcore.training.determinism"],
        env={**environment, "OMP_DISPLAY_ENV": "true"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    if "OMP_WAIT_POLICY" not in said:
        pytest.skip("this torch is built without OpenMP's settings")
    assert f"OMP_WAIT_POLICY = '{WAITING['OMP_WAIT_POLICY'].upper()}'" in said
