"""YAML's syntax errors, said so that a person knows what to do."""

from typing import Any

import yaml

from lmcore.config.problems import Problem, problem_at

BAD_ESCAPE = "in double quotes \\ begins an escape, and this is none: use single quotes, or / in a path"

# What PyYAML says (either of its two parsers) → what we say, and whether the place is where the construct began.
SENTENCES: tuple[tuple[str, str, bool], ...] = (
    (
        "mapping values are not allowed",
        "a ':' is not expected here: the line is indented wrongly, or a text with ': ' in it needs quotes",
        False,
    ),
    ("could not find expected ':'", "a key stands here without a ':' and a value", True),
    ("unexpected end of stream", "the quote that begins here is not closed", True),
    ("unexpected document separator", "the quote that begins here is not closed", True),
    ("',' or ']'", "the list that begins here is not closed with ']', or lacks a comma", True),
    ("',' or '}'", "the braces that begin here are not closed with '}', or lack a comma", True),
    ("did not find expected key", "the indentation does not fit the lines above", False),
    ("expected <block end>", "the indentation does not fit the lines above", False),
    ("'-' indicator", "the indentation does not fit the list above", False),
    (
        "block sequence entries are not allowed",
        "a list item is not expected here; lists begin on their own line",
        False,
    ),
    ("unknown escape character", BAD_ESCAPE, False),
    ("hexdecimal number", BAD_ESCAPE, False),
    ("Unicode character escape code", BAD_ESCAPE, False),
    ("node content", "a value is missing here", False),
    ("<document start>", "the configuration has ended before this; is a bracket or the indentation wrong?", False),
)


def explain(text: str, error: yaml.MarkedYAMLError, offset: int = 0) -> Problem:
    """A syntax error as a problem. `offset` is added to the parser's positions."""
    index = _index(error.problem_mark, error.context_mark) + offset
    said = " ".join(part for part in (error.context, error.problem) if part)
    line_start = max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1
    indentation = text[line_start : line_start + len(text[line_start:]) - len(text[line_start:].lstrip(" \t"))]
    if "\t" in indentation:
        return problem_at(text, line_start + indentation.index("\t"), "", "a tab: YAML is indented with spaces")
    if "cannot start any token" in said and index < len(text):
        if text[index] == "\t":
            return problem_at(text, index, "", "a tab: YAML is indented with spaces")
        return problem_at(text, index, "", f"a value cannot begin with {text[index]}: put it in quotes")
    for phrase, sentence, at_beginning in SENTENCES:
        if phrase in said:
            if at_beginning:
                index = _index(error.context_mark, error.problem_mark) + offset
            return problem_at(text, index, "", sentence)
    return problem_at(text, index, "", f"not valid YAML: {said or 'cannot be read'}")


def _index(*marks: Any) -> int:
    return next((int(mark.index) for mark in marks if mark is not None), 0)
