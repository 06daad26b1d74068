"""Values in run.json and state.json that are not what they should be: each is told in a sentence, and stops nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcore.experiments.comparison.result import compare
from lmcore.experiments.notebook.contents import gather
from lmcore.experiments.runs.folder import KINDS, RunError, load_run
from lmcore.experiments.runs.listing import find_run, list_runs
from lmcore.experiments.runs.lock import RunLock
from lmcore.experiments.runs.writer import RunWriter
from lmcore.tables import Kind
from lmcore.training import checkpoints
from lmcore.training.checkpoints import CheckpointError, is_valid, list_checkpoints, load_state
from tests.experiments.runs.made_runs import make_run

Place = tuple[str, ...]
ODD = (None, True, -1, 1.5, 2**63, 10**400, "", "many", "../x", "a\0b", "\ud800", [], ["x", 1, None], {}, {"step": "x"})
MISSING = object()
STATE: dict[str, Any] = {"format": 1, "step": 4, "tokens": 8, "seconds": 0.5, "extra": {}, "files": {}}
NOT_JSON = {
    "": "not valid JSON",
    "{": "not valid JSON",
    "[1]": "not hold a table",
    '{"a": NaN}': "number that is not finite",
    '{"a": [1e999]}': "number that is not finite",
    f'{{"a": {"[" * 40}{"]" * 40}}}': "nested too deep",
    f'{{"a": {"[" * 100_000}': "nested too deep",
    f'{{"a": {"1" * 5000}}}': "not valid JSON",
}


def places(kinds: Mapping[str, Kind], above: Place = ()) -> Iterator[tuple[Place, Kind]]:
    """Every value that is read, by the keys that lead to it."""
    for key, kind in kinds.items():
        yield (*above, key), kind
        yield from places(kind.inside, (*above, key))


def named(part: Place | Kind) -> str:
    """How a case is called."""
    return ".".join(part) if isinstance(part, tuple) else part.words


def spoilt(table: Mapping[str, Any], place: Place, value: object) -> dict[str, Any]:
    """A copy of a table with another value in one place, or without it."""
    first, *rest = place
    inner = table.get(first)
    inside = spoilt(inner if isinstance(inner, dict) else {}, tuple(rest), value) if rest else value
    return {
        **{key: kept for key, kept in table.items() if key != first},
        **({} if inside is MISSING else {first: inside}),
    }


@pytest.mark.parametrize(("place", "kind"), list(places(KINDS)), ids=named)
def test_an_odd_value_in_run_json_is_named(tmp_path: Path, place: Place, kind: Kind) -> None:
    whole, odd = make_run(tmp_path, "whole"), make_run(tmp_path, "odd")
    run = json.loads((odd / "run.json").read_text())
    for value in (*ODD, MISSING):
        (odd / "run.json").write_text(json.dumps(spoilt(run, place, value)))
        said = ""
        try:
            load_run(odd)
        except RunError as error:
            said = str(error)
            assert "run.json is damaged: " in said
        is_fine = not kind.is_needed if value is MISSING else kind.fits(value)
        is_named = re.search(rf"[:;] {'.'.join(place)} (should be|is missing)", said)
        assert bool(is_named) != is_fine, (value, said)
        (listed,) = [run for run in list_runs(tmp_path) if run.name == "odd"]
        assert (listed.status == "damaged") == bool(said) and said in listed.note
        find_run(tmp_path, "whole")
        if not said:
            assert compare([whole, odd]).notes is not None and gather(tmp_path, None, None)


@pytest.mark.parametrize(("place", "kind"), list(places(checkpoints.KINDS)), ids=named)
def test_an_odd_value_in_state_json_is_named(tmp_path: Path, place: Place, kind: Kind) -> None:
    checkpoint = tmp_path / "checkpoints" / "step-000004"
    checkpoint.mkdir(parents=True)
    for value in (*ODD, MISSING):
        (checkpoint / "state.json").write_text(json.dumps(spoilt(STATE, place, value)))
        if value is MISSING and not kind.is_needed:
            load_state(checkpoint)
        elif value is MISSING or not kind.fits(value):
            with pytest.raises(
                CheckpointError, match=rf"state\.json is damaged: {'.'.join(place)} (should be|is missing)"
            ):
                load_state(checkpoint)
        assert not is_valid(checkpoint) and list_checkpoints(tmp_path) == [checkpoint]


def test_a_checkpoint_is_of_the_step_that_its_folder_names(tmp_path: Path) -> None:
    (tmp_path / "step-000005").mkdir()
    (tmp_path / "step-000005" / "state.json").write_text(json.dumps(STATE))
    with pytest.raises(CheckpointError, match=r"state\.json is damaged: step should be 5"):
        load_state(tmp_path / "step-000005")


@pytest.mark.parametrize("content", NOT_JSON, ids=range(len(NOT_JSON)))
def test_what_is_no_table_within_bounds_is_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / "step-000004").mkdir()
    (tmp_path / "step-000004" / "state.json").write_text(content)
    with pytest.raises(CheckpointError, match=rf"state\.json is damaged: .*{NOT_JSON[content]}"):
        load_state(tmp_path / "step-000004")
    (make_run(tmp_path, "odd") / "run.json").write_text(content)
    with pytest.raises(RunError, match=rf"run\.json is damaged: .*{NOT_JSON[content]}"):
        load_run(tmp_path / "odd")


def test_what_a_log_says_that_is_no_number_stays_out_of_run_json(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    (folder / "metrics.jsonl").write_text(
        f'{{"step": 1, "tokens": {10**400}}}\n{{"step": 2, "loss/train": "NaN", "loss/val": "low", "seconds": 1.0}}\n'
    )
    writer = RunWriter(folder, RunLock(folder))
    writer.begin(2, (), lambda: None)
    writer.end("stopped")
    assert load_run(folder)["latest"] == {"step": 2, "seconds": 1.0}
