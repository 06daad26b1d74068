"""Text from outside: whatever it holds, nothing of it reaches the terminal as a command."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.plain_text import shown_text

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
