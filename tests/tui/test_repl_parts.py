"""The REPL's parts: commands and their completion, settings, the history file, wrapping, the timeline's merge."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from lmcore.config import SamplingConfig, parse_yaml_value
from tests.tui.fake_core import hook_description
from tui.panes.repl.commands import COMMANDS, CommandError, completions, parse
from tui.panes.repl.export import save
from tui.panes.repl.hooks import HookLineError, label, parse_hook
from tui.panes.repl.prompt_history import KEPT, PromptHistory
from tui.panes.repl.prompt_line import as_line, as_prompt
from tui.panes.repl.settings import NAMES, SettingError, changed, described, with_overrides
from tui.panes.repl.side_by_side import Pair, Side
from tui.panes.repl.timeline import Moment, merged
from tui.widgets.wrap import wrap


def test_every_sampling_setting_is_a_command() -> None:
    assert set(SamplingConfig.model_fields) == set(NAMES)
    assert {command.name for command in COMMANDS if command.is_setting} == set(NAMES)


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("/temperature 0.8", "temperature", "0.8"),
        ("/temp  0.8 ", "temperature", "0.8"),
        ("/top-k 40", "top_k", "40"),
        ("/TIMELINE", "timeline", ""),
        ("/stop", "stop", ""),
        ("/stop  two words", "stop", " two words"),
        ("/sto end\n", "stop", "end\n"),
        ("/ab One day, ", "ab", "One day, "),
        ("/load base 500", "load", "base 500"),
    ],
)
def test_commands_are_known_by_any_beginning(line: str, name: str, argument: str) -> None:
    command, found = parse(line)
    assert (command.name, found) == (name, argument)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/", "no command"),
        ("/nonsense [/", "no command /nonsense"),
        ("/top 3", "/top_k, /top_p"),
        ("/temperature", "needs NUMBER"),
        ("/greedy 3", "takes nothing"),
        ("/load", "needs RUN"),
    ],
)
def test_wrong_commands_are_answered_by_a_sentence(line: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence.replace("/", "\\/").replace("[", "\\[")):
        parse(line)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=30))
def test_half_typed_commands_never_raise(text: str) -> None:
    for completion in completions(f"/{text}", ["20260102-baseline"]):
        assert completion.line.startswith("/")


def test_completion_goes_from_names_to_what_they_take() -> None:
    assert [c.line for c in completions("/te")] == ["/temperature "]
    assert len(completions("/")) == len(COMMANDS)
    assert "Divides the logits" in completions("/temperature ")[0].help
    runs = ["20260102-baseline", "20260103-muon"]
    assert [c.line for c in completions("/load mu", runs)] == ["/load 20260103-muon"]
    assert [c.line for c in completions("/load x b")] == ["/load x best"]
    assert completions("a prompt") == completions("//comment") == completions("/nonsense 3") == []


def test_settings_are_checked_by_the_schema() -> None:
    base = SamplingConfig()
    assert changed(base, "temperature", "1e-1").temperature == 0.1
    assert changed(base, "top_k", "40").top_k == 40
    for typed, stop in (('"\\n\\n"', "\n\n"), ("\\n", "\\n"), ("\n", "\n"), ("", ""), ('"', '"')):
        assert changed(base, "stop", typed).stop == stop
    for name, wrong in (("temperature", "-1"), ("temperature", "hot"), ("top_k", "1.5"), ("top_p", "2"), ("seed", "[")):
        with pytest.raises(SettingError) as error:
            changed(base, name, wrong)
        assert name in str(error.value) and "\n" not in str(error.value)


def test_settings_fit_their_line() -> None:
    found = with_overrides(SamplingConfig(), {"temperature": 0.0, "top_k": 40, "stop": "\n"})
    assert described(found, 200) == 'greedy · top-k 40 · top-p 1 · 300 tokens · stop "\\n" · seed 0'
    assert described(SamplingConfig(), 200) == "temperature 0.8 · top-k off · top-p 1 · 300 tokens · seed 0"
    assert described(SamplingConfig(), 40) == "temp 0.8 · 300 tok · seed 0"


def test_history_goes_back_and_forth_and_is_kept(tmp_path: Path) -> None:
    history = PromptHistory(tmp_path / "state" / "prompts.jsonl")
    for prompt in ("one", "two", "two", "three ⏎ \ud800 [/"):
        history.add(prompt)
    again = PromptHistory(tmp_path / "state" / "prompts.jsonl")
    assert again.prompts == ["one", "two", "three ⏎ \ud800 [/"]
    assert again.later() is None
    assert [again.earlier("draft"), again.earlier("x"), again.earlier("x"), again.earlier("x")] == [
        "three ⏎ \ud800 [/",
        "two",
        "one",
        None,
    ]
    assert [again.later(), again.later(), again.later(), again.later()] == ["two", "three ⏎ \ud800 [/", "draft", None]


@pytest.mark.parametrize("damage", [b"\xff\xfe\x00garbage", b'"whole"\n{"a": 1}\n"half', b"[" * 100_000, b""])
def test_a_damaged_history_never_stops_anything(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(damage)
    history = PromptHistory(path)
    assert history.prompts in ([], ["whole"])
    history.add("new")
    assert "new" in PromptHistory(path).prompts or damage.endswith(b"half") or b"\n" not in damage


def test_a_history_that_cannot_be_written_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = PromptHistory(tmp_path / "file" / "prompts.jsonl")
    for number in range(KEPT + 10):
        history.add(str(number))
    assert len(history.prompts) == KEPT


WORDS = st.text(alphabet=st.sampled_from("ab c\n森🎉é"), max_size=120)


@settings(max_examples=150, deadline=None)
@given(WORDS, st.integers(2, 20))
def test_wrapping_loses_nothing_and_fits(text: str, width: int) -> None:
    rows = wrap(text, 0, width)
    assert all(cell_len(text[start:end]) <= width for start, end in rows)
    assert rows[0][0] == 0 and rows[-1][1] == len(text)
    for (_, end), (start, _) in itertools.pairwise(rows):
        assert text[end:start] in ("", " ", "\n")


@settings(max_examples=150, deadline=None)
@given(WORDS, WORDS, st.integers(2, 20))
def test_appending_wraps_as_the_whole_would(first: str, second: str, width: int) -> None:
    rows = wrap(first, 0, width)
    last = rows.pop()[0]
    assert rows + wrap(first + second, last, width) == wrap(first + second, 0, width)


@given(st.text())
def test_a_line_can_hold_every_prompt(prompt: str) -> None:
    assert as_prompt(as_line(prompt)) == prompt


def test_a_line_means_itself_but_for_a_doubled_slash() -> None:
    for line in ('print("a\\n")', "⏎ is a sign", "a\tb\n"):
        assert as_prompt(line) == line
    assert as_prompt("//not a command") == "/not a command"


def test_the_timeline_merges_by_step() -> None:
    stored = [Moment(250, "p", "old"), Moment(500, "p", "b")]
    here = [Moment(500, "p", "new", 0.5), Moment(750, "p", "c", 0.4)]
    assert [(m.step, m.text, m.loss) for m in merged(here[:1], stored, here[1:])] == [
        (250, "old", None),
        (500, "b", 0.5),
        (750, "c", 0.4),
    ]


def test_saving_never_writes_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    assert save(path, "one 森\n\n") == f"Saved in {path}." and path.read_text(encoding="utf-8") == "one 森\n"
    assert "exists already" in save(path, "two") and "one" in path.read_text(encoding="utf-8")
    assert "cannot be written" in save(tmp_path / "no" / "x", "two")


def test_a_hook_line_becomes_a_declaration() -> None:
    hook = parse_hook("zero blocks.1.attn.hook_z  heads=[2, 3] soft=true")
    data = parse_yaml_value(hook.declaration)
    assert data == {
        "kind": "forward",
        "use": "zero",
        "at": "blocks.1.attn.hook_z",
        "with": {"heads": [2, 3], "soft": True},
    }
    assert label([hook]) == "hook zero" and label([hook, hook]) == "2 hooks" and label([]) == ""
    assert parse_yaml_value(parse_hook("zero blocks.*").declaration)["at"] == "blocks.*"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("zero", "what and where"),
        ("zero heads=[2]", "what and where"),
        ("zero a b", "what and where"),
        ("zeros blocks.0.x", "there are: zero, noise"),
        ("zero blocks.0.x head=[2]", "its arguments: heads"),
        ("zero blocks.0.x heads=[2", "heads="),
    ],
)
def test_a_hook_line_that_declares_none_says_what_would_be_right(line: str, word: str) -> None:
    with pytest.raises(HookLineError, match=re.escape(word)):
        parse_hook(line, hook_description(1))


def test_hook_lines_are_completed_word_by_word() -> None:
    model = hook_description(1)
    assert [c.label for c in completions("/hook ", (), model)] == ["off", "zero", "noise"]
    assert [c.line for c in completions("/hook zero 1.attn.hook_z", (), model)] == ["/hook zero blocks.1.attn.hook_z "]
    assert [c.line for c in completions("/hook zero blocks.1 ", (), model)] == ["/hook zero blocks.1 heads="]
    assert [c.line for c in completions("/hook zero b heads=[2] ", (), model)] == ["/hook zero b heads=[2] "]
    assert completions("/hook z", (), None)[0].label.startswith("/hook [FUNCTION")


def pair(left: list[str], right: list[str], is_open: bool = False) -> Pair:
    return Pair("One day, ", Side("without", left, "3 tokens"), Side("with zero", right, "3 tokens"), is_open=is_open)


@pytest.mark.parametrize(
    ("left", "right", "is_open", "expected"),
    [
        (["a", "b"], ["a", "c"], True, 1),
        (["a", "b"], ["a"], True, None),
        (["a", "b"], ["a"], False, 1),
        (["a", "b"], ["a", "b"], False, None),
        ([], [], False, None),
    ],
)
def test_the_first_different_token_is_found(left: list[str], right: list[str], is_open: bool, expected: object) -> None:
    assert pair(left, right, is_open).first_difference == expected


@pytest.mark.parametrize("width", [30, 59, 60, 99])
def test_two_answers_stand_beside_each_other_where_there_is_room(width: int) -> None:
    both = pair(["Lily ", "went ", "to the forest 森林 with her friend."], ["Lily ", "was ", "sad."])
    both.lay_out(width)
    lines = ["".join(text for text, _ in line) for line in both.lines]
    assert max(cell_len(line) for line in lines) <= width
    assert ("without" in lines[0] and "with zero" in lines[0]) == (width >= 60)
    marked = [text for line in both.lines for text, style in line if style == "mark"]
    assert [text.strip() for text in marked] == ["went", "was"]
    assert both.verdict == 'Token 2 is the first that differs: "went " without, "was " with.'
    if width >= 60:
        borders = {line.index("│") for line in lines if "│" in line and line.isascii()}
        assert len(borders) <= 1


def test_two_equal_answers_are_said_to_be_equal() -> None:
    assert pair(["a"], ["a"]).verdict == "Both are the same, token for token."
    assert pair(["a"], ["a"], is_open=True).verdict == ""
    assert 'first that differs: its end without, "b" with' in pair(["a"], ["a", "b"]).verdict


def test_a_long_heading_is_shown_whole_and_both_answers_begin_level() -> None:
    heading = "with zero blocks.0.attn.hook_z heads=[0,1,2,3,4,5,6,7]"
    both = Pair("Once", Side("without", ["."]), Side(heading, ["!"]), is_open=False)
    both.lay_out(70)
    lines = ["".join(text for text, _ in line) for line in both.lines]
    right = " ".join(line.partition("│")[2].strip() for line in lines[:2])
    assert " ".join(right.split()) == heading
    assert lines[2].count("Once") == 2
