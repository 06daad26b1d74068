"""What a file defines is read from its text as running it would show; what only running shows is not guessed."""

import pytest

from lmcore.config.hook_functions import default_stage, settable, type_name
from lmcore.config.hook_source import HookFunction, read_source
from lmcore.experiments.identity.named_code import built_in_hooks
from lmcore.hooks.catalogue import CatalogueEntry, catalogue, load_source
from tests.hooks.own_hooks import TEXT

HOOK = "from lmcore.hooks.catalogue import hook\n"


def as_read(function: HookFunction) -> tuple[object, ...]:
    assert function.parameters is not None
    given = [(p.name, type_name(p.annotation), p.default is p.empty) for p in settable(function.parameters)]
    return function.kind, function.name, function.stage or default_stage(function.kind), given  # type: ignore[arg-type]


def as_made(entry: CatalogueEntry) -> tuple[object, ...]:
    given = [(p.name, type_name(p.annotation), p.default is p.empty) for p in entry.parameters]
    return entry.kind, entry.name.rpartition(":")[2], entry.stage, given


def test_the_built_in_hooks_are_read_as_they_are_registered() -> None:
    assert sorted(map(as_read, built_in_hooks())) == sorted(map(as_made, catalogue()))


def test_an_own_file_is_read_as_it_is_registered() -> None:
    source = read_source(TEXT)
    assert source.is_whole and not source.problem
    assert sorted(map(as_read, source.hooks)) == sorted(map(as_made, load_source("my_hooks.py", TEXT).values()))


@pytest.mark.parametrize(
    "text",
    [
        f"{HOOK}from mine import *\n",
        f"{HOOK}for kind in ('forward',):\n    hook(kind)(print)\n",
        f"{HOOK}forward = hook('forward')\n",
        f"{HOOK}KIND = 'forward'\n@hook(KIND)\ndef f(x, point): ...\n",
        f"{HOOK}@hook('forward')\n@other\ndef f(x): ...\n",
        "import mine\n@mine.register('forward')\ndef f(x, point): ...\n",
        "import lmcore.hooks.catalogue as c\nc.hook('forward')(print)\n",
        "exec('1')\n",
        "globals()['f'] = 1\n",
        "x = " + "-" * 3000 + "1\n",
    ],
)
def test_what_only_running_shows_is_not_guessed(text: str) -> None:
    source = read_source(text)
    assert not source.is_whole and not source.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def f(:\n", "line 1: SyntaxError"),
        (f"{HOOK}\n@hook('sideways')\ndef f(x, point): ...\n", "line 4: f is registered as 'sideways'; the kinds are"),
        (f"{HOOK}\n@hook('forward', 'value')\ndef f(x, point): ...\n", "line 4: f is registered as 'forward', 'value'"),
        (f"{HOOK}\n@hook('forward')\ndef f(x): ...\n", "line 4: f must be f(x, point, *, …)"),
        (f"{HOOK}\n@hook('forward')\ndef f(x, point, **more): ...\n", "line 4: f must be"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(text: str, problem: str) -> None:
    assert read_source(text).problem.startswith(problem)


def test_reading_runs_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    read_source("print('\\d')\nraise SystemExit\n")
    assert capfd.readouterr() == ("", "")
