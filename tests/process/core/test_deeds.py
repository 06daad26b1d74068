"""Every command can be recorded and read again, whatever it holds; what it cannot hold is answered with a sentence."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.lines import LARGEST_WHOLE, decode_line, encode_line
from lmcore.process.core.deeds import (
    Answer,
    Deed,
    Moment,
    Outcome,
    command_from,
    command_kinds,
    outcome_of,
    plain_command,
    words_of,
)
from lmcore.protocol.messages import (
    Command,
    ConsentWanted,
    GenerationDone,
    Inspection,
    Rejected,
    StateChanged,
    Token,
    ValueChanged,
)

# No larger number reaches a command: the schema's bounds and the numbering of questions end there, and so do lines.
st.register_type_strategy(int, st.integers(1 - LARGEST_WHOLE, LARGEST_WHOLE - 1))
commands = st.sampled_from(sorted(command_kinds().values(), key=str)).flatmap(st.from_type)


def test_every_kind_of_command_is_known() -> None:
    kinds = command_kinds()
    assert {"Start", "Load", "Fork", "SetValue", "Generate", "FileEdited"} <= kinds.keys()
    assert all(issubclass(kind, Command) for kind in kinds.values())


@given(command=commands)
def test_a_command_is_the_same_after_it_was_written(command: Command) -> None:
    row = decode_line(encode_line({"with": plain_command(command)}))
    assert row is not None
    assert repr(command_from(type(command).__name__, row["with"])) == repr(command)  # of not-a-number too


@given(command=commands, answer=st.builds(Answer) | st.none())
def test_every_deed_has_words(command: Command, answer: Answer | None) -> None:
    assert words_of(Deed(command, Moment("", 0, "idle"), Outcome(answer=answer)))


def test_half_a_character_does_not_keep_a_command_from_being_recorded() -> None:
    line = encode_line({"with": plain_command(command_from("Generate", {"request": 1, "prompt": "a"}))})
    assert json.loads(line)["with"]["prompt"] == "a"
    kind: Callable[..., Command] = command_kinds()["Generate"]
    assert json.loads(encode_line(plain_command(kind(1, "a\udc80"))))["prompt"] == "a?"


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("Dance", {}, "no command Dance"),
        ("Step", {"n": "many"}, "Step.n: input should be a valid integer"),
        ("Step", {"n": 1, "twice": True}, "Step has no twice"),
        ("SetValue", {"key": "a"}, "SetValue.value: field required"),
        ("Inspect", {"request": 1, "what": "everything"}, "Inspect.what: input should be 'parameters'"),
    ],
)
def test_what_no_command_can_hold_is_named(name: str, values: dict[str, object], said: str) -> None:
    with pytest.raises(RunError, match=said):
        command_from(name, values)


def test_what_came_of_a_command_is_gathered_from_what_was_told() -> None:
    answered = outcome_of([Token(1, "On"), Token(1, "ce"), GenerationDone(1, "length", 2, 0.5)], None)
    assert answered.answer == Answer("Once", 2, "length")
    assert outcome_of([ValueChanged(3, "a.b", "1", "2")], None).changed == (("a.b", "1", "2"),)
    tables = [
        outcome_of([Inspection(number, ("x",), ((value,),))], None).table for number, value in ((1, 0.5), (2, 0.5))
    ]
    assert tables[0] == tables[1] != outcome_of([Inspection(1, ("x",), ((0.25,),))], None).table
    for event in (Rejected("Start", "no"), ConsentWanted("Start", ()), StateChanged("idle", reason="cancelled")):
        assert outcome_of([event], None).refused
