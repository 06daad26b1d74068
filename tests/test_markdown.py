"""Text from anywhere stays text in a page of Markdown."""

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lmcore.markdown import as_quote, as_text, table
from lmcore.plain_text import plain_line

MARKDOWN = MarkdownIt("commonmark").enable("table")

marked = st.text() | st.text("\\`*_[]<>&#!|~-+=1.) \nab", max_size=20)


def said(source: str) -> tuple[set[str], str]:
    """What a reader of Markdown makes of a page: the kinds of its parts, and its text."""
    kinds, text = set(), []
    for token in MARKDOWN.parse(source):
        kinds |= {token.tag} - {""}
        for child in token.children or []:
            kinds.add(child.type)
            text.append(" " if child.type in ("softbreak", "hardbreak") else child.content)
    return kinds, "".join(text)


@given(marked)
def test_text_is_read_as_that_text(text: str) -> None:
    plain = plain_line(text)
    kinds, read = said(f"A: {as_text(text)} .")
    assert kinds <= {"p", "text", "text_special"}
    assert read == f"A: {plain} ."


@given(marked)
def test_a_quotation_is_one_of_paragraphs_alone(text: str) -> None:
    kinds, read = said("\n".join(as_quote(text)))
    assert kinds <= {"blockquote", "p", "text", "text_special", "hardbreak", "softbreak"}
    plain = plain_line(text)
    assert read.split() == plain.split() or "".join(read.split()) == "".join(plain.split())


def test_a_quotation_keeps_its_lines() -> None:
    assert as_quote("# a\n1. b\n\n  - c_d _e_\n") == ["> \\# a\\", "> 1\\. b", ">", "> \\- c_d \\_e\\_"]


def test_a_cell_cannot_end_its_row() -> None:
    assert table(("a", "n"), [("x | y\n", "1")], right=("n",)) == ["| a | n |", "| --- | ---: |", "| x \\| y  | 1 |"]
