"""Where two runs part: the first number, and the first layer."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.experiments.comparison.first_difference import FirstDifference, first_difference
from lmcore.experiments.comparison.recorded import read_recorded
from tests.experiments.comparison.made import Row, make_run, step_rows

NORMS = {
    "grad/l2_norm/embed.weight": 0.5,
    "param/l2_norm/embed.weight": 4.0,
    "update/l2_norm/embed.weight": 0.1,
    "grad/l2_norm/blocks.0.mlp.up.weight": 0.4,
    "param/l2_norm/blocks.0.mlp.up.weight": 3.0,
    "update/l2_norm/blocks.0.mlp.up.weight": 0.2,
    "activation/rms/hook_embed": 1.0,
    "activation/rms/blocks.0.hook_mlp_out": 2.0,
}


def with_norms(rows: list[Row], step: int, **changes: float) -> list[Row]:
    """The rows with norms at one step; `changes` are by the name's beginning and the parameter, joined by two _."""
    values = dict(NORMS)
    for name, value in changes.items():
        key = next(key for key in NORMS if key.startswith(name.split("__")[0]) and name.split("__")[1] in key)
        values[key] = value
    return [{**row, **values} if row["step"] == step else row for row in rows]


def between(folder: Path, ours: list[Row], theirs: list[Row], **identity: Any) -> FirstDifference:
    made = make_run(folder, "a", ours), make_run(folder, "b", theirs, **identity)
    return first_difference(*(read_recorded(run, run.name) for run in made))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=20))
def test_a_run_is_identical_to_itself(tmp_path_factory: pytest.TempPathFactory, losses: list[float]) -> None:
    rows = step_rows(losses)
    found = between(tmp_path_factory.mktemp("runs"), rows, rows)
    assert found.step is None and found.identical == found.common == len(losses)
    steps = "1 logged step" if len(losses) == 1 else f"{len(losses)} logged steps"
    assert found.sentences == [f"a and b are identical bit for bit over {steps} in common."]


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 20), st.data())
def test_the_first_number_that_differs_is_found(
    tmp_path_factory: pytest.TempPathFactory, count: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(1, count))
    losses = [1.0] * count
    other = [*losses[: step - 1], *([2.0] * (count - step + 1))]
    found = between(tmp_path_factory.mktemp("runs"), step_rows(losses), step_rows(other, seconds=9.0))
    assert (found.step, found.metric, found.values) == (step, "loss/train", ("1.0", "2.0"))
    assert found.identical == step - 1


def test_times_do_not_count_but_each_bit_of_a_number_does(tmp_path: Path) -> None:
    rows = [{**row, "throughput/tokens_per_second": 1.0, "x/milliseconds": 3.0} for row in step_rows([1.0, 0.0])]
    slower = [{**row, "throughput/tokens_per_second": 2.0, "x/milliseconds": 4.0, "seconds": 9.0} for row in rows]
    assert between(tmp_path / "1", rows, slower).step is None
    found = between(tmp_path / "2", rows, [slower[0], {**slower[1], "loss/train": -0.0}])
    assert (found.step, found.values) == (2, ("0.0", "-0.0"))


def test_of_numbers_of_one_step_the_first_of_the_row_is_named(tmp_path: Path) -> None:
    rows = step_rows([1.0, 1.0])
    found = between(tmp_path, rows, [rows[0], {**rows[1], "loss/train": 2.0, "learning_rate": 5.0, "tokens": 7}])
    assert (found.step, found.metric, found.values) == (2, "tokens", ("20", "7"))


def test_the_shorter_run_is_named(tmp_path: Path) -> None:
    found = between(tmp_path, step_rows([1.0] * 5), step_rows([1.0] * 3))
    assert found.sentences == [
        "a and b are identical bit for bit over 3 logged steps in common, to the end of b at step 3."
    ]


def test_runs_without_a_common_step_say_so(tmp_path: Path) -> None:
    found = between(tmp_path, step_rows([1.0]), step_rows([1.0], first=5))
    assert found.sentences == ["a and b have no logged step in common."]


@pytest.mark.parametrize(
    ("changes", "kind", "name", "count"),
    [
        ({"param__mlp": 9.0, "activation__embed": 9.0}, "weight", "blocks.0.mlp.up.weight", (1, 2)),
        ({"activation__mlp": 9.0, "grad__embed": 9.0}, "activation", "blocks.0.hook_mlp_out", (1, 2)),
        ({"grad__embed": 9.0, "grad__mlp": 9.0}, "gradient", "blocks.0.mlp.up.weight", (2, 2)),
        ({"update__embed": 9.0, "update__mlp": 9.0}, "update", "embed.weight", (2, 2)),
    ],
)
def test_the_first_layer_is_found_by_the_norms(
    tmp_path: Path, changes: dict[str, float], kind: str, name: str, count: tuple[int, int]
) -> None:
    rows = step_rows([1.0, 1.0, 1.0])
    found = between(tmp_path, with_norms(rows, 2), with_norms(rows, 2, **changes))
    assert found.step == 2 and found.layer is not None
    assert (found.layer.step, found.layer.kind, found.layer.name) == (2, kind, name)
    assert (found.layer.differing, found.layer.compared) == count
    assert f"the {kind} of {name}" in found.sentences[1] and len(found.sentences) == 2


def test_norms_that_come_later_say_so(tmp_path: Path) -> None:
    ours, theirs = step_rows([1.0, 1.0, 1.0]), step_rows([1.0, 2.0, 2.0])
    found = between(tmp_path, with_norms(ours, 3), with_norms(theirs, 3, param__embed=9.0))
    assert found.step == 2 and found.layer is not None and found.layer.step == 3
    assert "Norms were not logged at step 2" in found.sentences[-1]


def test_without_norms_the_layer_is_not_known(tmp_path: Path) -> None:
    found = between(tmp_path, step_rows([1.0]), step_rows([2.0]))
    assert found.layer is None and "not known" in found.sentences[-1]
