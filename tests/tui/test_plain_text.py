"""Text from outside: whatever it holds, nothing of it reaches the terminal as a command."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.color import Color

from lmcore.experiments.runs.listing import title_problem
from lmcore.markdown import as_text
from lmcore.plain_text import is_plain, plain_line, printable
from tui.plain_text import PlainLines, shown_text

NASTY = ["[/", "[b +", "\x1b[2J", "\ud800", "漢字かな", "👩‍🚀🎉", "a\rb", "\x9b31m"]
NASTY += ["[@click=app.quit]x[/]", "\u202eabc"]
"""Texts that have crashed or fooled screens before."""


@given(st.text(st.characters(), max_size=60))
def test_no_control_character_and_no_surrogate_is_left(text: str) -> None:
    shown = shown_text(text)
    assert all(unicodedata.category(character) not in ("Cc", "Cs") or character == "\n" for character in shown)
    assert "\n" not in shown_text(text, one_line=True)
    shown.encode("utf-8")


@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts_stay_readable(text: str) -> None:
    shown = shown_text(text)
    assert shown and "\x1b" not in shown and "\x9b" not in shown and "\r" not in shown


def test_ordinary_text_is_unchanged() -> None:
    assert shown_text("One day, Lily said: “hello” – 漢字") == "One day, Lily said: “hello” – 漢字"
    assert shown_text("a\tb\r\nc") == "a    b\nc" and shown_text("a\tb\nc", one_line=True) == "a b⏎c"
    assert shown_text("\x1b[31m") == "␛[31m"


def test_the_same_characters_are_shown_as_they_are_everywhere() -> None:
    kept = "\u0645\u06cc\u200c\u062e 👩\u200d🔬 ❤\ufe0f\u3000"
    assert shown_text(kept) == printable(kept) == plain_line(kept) == as_text(kept) == kept
    assert title_problem(kept) == ""
    for char in "\u061c\u200e\u200f\u202a\u202e\u2066\u2069\xad\ufeff":
        assert shown_text(char, one_line=True) == shown_text(char) == printable(char) and char not in printable(char)
        assert plain_line(char) == " " and title_problem(f"a{char}b")


@given(st.lists(st.text(st.characters(), max_size=20), max_size=4))
def test_the_last_door_lets_only_text_through_and_takes_no_column(texts: list[str]) -> None:
    line = [Segment(text) for text in texts]
    left = PlainLines().apply(line, Color(0, 0, 0))
    assert all(is_plain(segment.text) for segment in left)
    assert Segment.get_line_length(left) == Segment.get_line_length(line)
