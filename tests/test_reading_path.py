"""The README's reading path names the files of the pipeline in its order, with their true lengths."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_LINES = 1600
STAGES = ("tokenizers/", "sequences", "batcher", "model/", "loss", "optimizers/", "trainer", "evaluation", "generation")


def reading_path() -> list[tuple[str, int]]:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Read it in an evening")[2]
    rows = re.findall(r"^\| `([^`]+)` \| (\d+) \|", section.partition("\n## ")[0], flags=re.MULTILINE)
    return [(path, int(lines)) for path, lines in rows]


def test_lengths_are_true_and_fit_into_an_evening() -> None:
    path = reading_path()
    counted = [(name, len((ROOT / name).read_text(encoding="utf-8").splitlines())) for name, _ in path]
    assert path == counted, "write the lengths on the right into the table of the README, 'Read it in an evening'"
    total = sum(lines for _, lines in counted)
    assert total <= MOST_LINES, "a learner reads no more in an evening: take out of these files what is not their stage"
    assert f"{total:,} lines." in (ROOT / "README.md").read_text(encoding="utf-8"), f"write {total:,} above the table"


def test_the_order_is_that_of_the_pipeline() -> None:
    names = [name for name, _ in reading_path()]
    assert len(names) == len(set(names))
    first = [next(index for index, name in enumerate(names) if stage in name) for stage in STAGES]
    assert first == sorted(first), "the files stand in the order in which a batch passes them"
    stages = ("attention", "block", "initialization", "mlp", "transformer", "loss")
    assert {f"lmcore/model/{stage}.py" for stage in stages} <= set(names)
