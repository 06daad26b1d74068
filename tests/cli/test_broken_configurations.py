"""Whatever a configuration's file holds, it is right, or what is wrong is said in its place."""

import re
from itertools import islice
from pathlib import Path

from tests.cli.run_command import Command, Outcome
from tests.config.mutations import mutants

PLACED = re.compile(r"broken\.yaml(:[1-9]\d*:[1-9]\d*)?: \S+ .*")


def answered(outcome: Outcome) -> bool:
    """Whether `config check broken.yaml` took the file, or said what is wrong: a sentence a line, nearly all placed."""
    if outcome.code == 0:
        return outcome.err == "broken.yaml: right\n"
    lines = outcome.err.rstrip("\n").split("\n")
    return outcome.code == 2 and len(lines) <= 51 and all(map(PLACED.fullmatch, lines))


def test_broken_configurations_are_answered(lmcore: Command, folder: Path) -> None:
    for number, content in enumerate(islice(mutants(seed=1), 150)):
        Path("broken.yaml").write_bytes(content)
        outcome = lmcore("config", "check", "broken.yaml")
        assert answered(outcome), (number, content[:200], outcome)
