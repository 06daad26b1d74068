"""The pages for readers of the code name files that are there, and count the ways truly."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "runs/README.md")
MOST = {"A run's beginning, from F5 to the first step": 20, "A hook, from YAML to a changed activation": 6}
"""How many files a person may have to open, at most, to follow these ways."""


@pytest.mark.parametrize("page", PAGES)
def test_every_path_named_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:lmcore|tui|tests|docs|configs)/[\w./-]*)`", text)
    linked = [link for link in re.findall(r"\]\(([^)#:]+)\)", text) if "//" not in link]
    missing = [path for path in named if not (ROOT / path).exists() and path != "configs/my_hooks.py"]
    missing += [link for link in linked if not (ROOT / page).parent.joinpath(link).exists()]
    assert not missing, f"{page} names what is not there"


def ways() -> dict[str, tuple[int, list[str]]]:
    section = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("## The ways")[2]
    found = re.findall(r"^\*\*(.+?)\*\* \((\d+)\): (.+?)(?=\n\n)", section, flags=re.MULTILINE | re.DOTALL)
    return {name: (int(count), re.findall(r"`([\w/]+\.py)`", " ".join(text.split()))) for name, count, text in found}


def test_the_ways_are_as_long_as_they_say() -> None:
    found = ways()
    assert len(found) >= 7 and found.keys() >= MOST.keys()
    wrong = {name: f"{len(set(files))} files" for name, (count, files) in found.items() if len(set(files)) != count}
    assert not wrong, "write the counts on the right into docs/architecture.md"
    longer = {name: count for name, (count, _) in found.items() if count > MOST.get(name, 99)}
    assert not longer, "a way has become longer than it may be: what was added is in the wrong room"
