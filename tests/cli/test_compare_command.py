"""`lmcore compare`: runs beside each other, as tables and as JSON."""

from pathlib import Path

import pytest

from tests.cli.run_command import Command


@pytest.fixture
def runs(lmcore: Command, folder: Path) -> dict[str, Path]:
    """Two settings with two seeds each."""
    made = {}
    for name, seed, rate in (("cool", 1, "1e-3"), ("hot", 1, "5e-3"), ("cool2", 2, "1e-3"), ("hot2", 2, "5e-3")):
        arguments = ("--name", name, "--seed", str(seed), "--set", f"training.learning_rate={rate}")
        outcome = lmcore("train", "tiny.yaml", *arguments)
        assert outcome.code == 0, outcome.err
        made[name] = Path(outcome.out.strip())
    return made


def test_runs_are_compared_in_tables(lmcore: Command, runs: dict[str, Path]) -> None:
    outcome = lmcore("compare", "cool-", "hot-", "cool2", "hot2")
    assert outcome.code == 0, outcome.err
    said = outcome.out
    assert all(path.name in said for path in runs.values())
    assert "training.learning_rate  learned" in said and "other.seed" in said
    assert "a and b differ from step 1 on: learning_rate is " in said
    assert "First layer: the update of embed.weight, at step 1" in said
    assert "First tensor that differs in the checkpoint of step 3: embed.weight" in said
    assert "loss/val of b d is" in said and "95 % band" in said and "2 seeds paired" in said
    assert "a, step 6" in said and "One sunny morning, " in said


def test_another_metric_another_axis_and_other_samples(lmcore: Command, runs: dict[str, Path]) -> None:
    outcome = lmcore("compare", "cool-", "hot-", "--metric", "loss/train", "--x", "tokens", "--samples-at", "3")
    assert "loss/train, smoothed with 0.95, by tokens:" in outcome.out
    assert "After 384 tokens, loss/train of b is" in outcome.out and "says nothing about seed noise" in outcome.out
    assert "a, step 3" in outcome.out and "step 6" not in outcome.out.split("fixed prompt")[1]


def test_everything_as_json(lmcore: Command, runs: dict[str, Path]) -> None:
    (told,) = lmcore("compare", "cool-", "hot-", "cool2", "hot2", "--json").rows
    assert told["groups"] == [["a", "c"], ["b", "d"]] and told["metric"] == "loss/val"
    assert [run["name"] for run in told["runs"]] == [path.name for path in runs.values()]
    (difference,) = told["differences"]
    assert difference["positions"] == [3, 6] and difference["noise"] == "paired"
    band = zip(difference["low"], difference["mean"], difference["high"], strict=True)
    assert all(low <= mean <= high for low, mean, high in band)
    assert told["first_differences"][0]["layer"]["kind"] == "update" and len(told["checkpoints"]) == 3
    assert {sample["step"] for sample in told["samples"]} == {6}


def test_a_page_of_markdown(lmcore: Command, runs: dict[str, Path]) -> None:
    (runs["hot"] / "samples.jsonl").write_text('{"step": 6, "prompt": "# One ", "text": "<b>day|"}\n')
    outcome = lmcore("compare", "cool-", "hot-", "--markdown", "page.md")
    assert outcome.code == 0, outcome.err
    page = Path("page.md").read_text()
    assert page.startswith("# cool and what it is compared with\n")
    assert "| validation loss |" in page and "| training.learning\\_rate | learned |" in page.replace(
        "_rate", "\\_rate"
    )
    assert "> \\# One \\<b\\>day\\|" in page
    assert "First layer: the update of embed.weight" in page


def test_what_a_model_said_obeys_nobody(lmcore: Command, runs: dict[str, Path]) -> None:
    row = '{"step": 6, "prompt": "[bold]One ", "text": "\\u001b[2J[/] day"}\n'
    (runs["hot"] / "samples.jsonl").write_text(row)
    said = lmcore("compare", "cool-", "hot-").out
    assert "[bold]One \\x1b[2J[/] day" in said and "\x1b" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cool-",), "two runs or more"),
        (("cool-", "nobody"), "no run 'nobody'"),
        (("cool-", "cool-"), "named twice"),
        (("cool-", "hot-", "--x", "hours"), "step, tokens, time"),
        (("cool-", "hot-", "--metric", "loss/vall"), "Perhaps: loss/val"),
        (("cool-", "hot-", "--samples-at", "5"), "all have them at 3, 6"),
        (("cool-", "hot-", "--markdown", "nowhere/page.md"), "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_compared_is_answered(
    lmcore: Command, runs: dict[str, Path], arguments: tuple[str, ...], said: str
) -> None:
    outcome = lmcore("compare", *arguments)
    assert outcome.code == 2 and said in outcome.err
