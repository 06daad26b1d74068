"""Decisions carried out without an app: their effects in order, each question answered as a test says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lmcore.config import Problem, TrainingConfig, parse_config
from lmcore.protocol.messages import Command, Event, StateChanged
from tests.tui.fake_core import READY, run_info
from tui.desk.desk import Desk
from tui.desk.effects import Ask, Effect, Question, Send, Tell, Way
from tui.lab.state import LabState, advance_state

Q = TypeVar("Q")


@dataclass
class Written:
    """A configuration on the screen that a test wrote."""

    text: str = "training: {max_steps: 200}\n"
    path: Path | None = Path("configs/tiny.yaml")
    running: TrainingConfig | None = None
    problems: Sequence[Problem] = ()
    is_changed: bool = False
    is_behind: bool = False
    open_run_config: TrainingConfig | None = None

    @property
    def config(self) -> TrainingConfig | None:
        """What the text says."""
        return None if self.problems else parse_config(self.text)


def desk_of(*events: Event, sheet: Written | None = None) -> Desk:
    """A desk whose core is ready and has told `events`."""
    return Desk(lab=advance_state(LabState(), [READY, StateChanged("idle"), *events]), sheet=sheet or Written())


def training(step: int = 40) -> tuple[Event, ...]:
    """What a core tells of a run that trains."""
    return StateChanged("preparing"), StateChanged("running", step, 4000, run_info())


def effects_of(way: Way, *answers: object) -> list[Effect]:
    """All effects of a decision; every question must be answered, and every answer used."""
    left, effects, answer = list(answers), list[Effect](), None
    while True:
        try:
            effect = way.send(answer)
        except StopIteration:
            assert not left, f"not asked for: {left}"
            return effects
        effects.append(effect)
        answer = left.pop(0) if isinstance(effect, Ask) else None


def sent(effects: Sequence[Effect]) -> list[Command]:
    """The commands among effects."""
    return [command for effect in effects if isinstance(effect, Send) for command in effect.commands]


def told(effects: Sequence[Effect]) -> str:
    """The sentences among effects."""
    return "\n".join(effect.text for effect in effects if isinstance(effect, Tell))


def asked(effects: Sequence[Effect], kind: type[Q]) -> Q:
    """The one question among effects."""
    questions: list[Question] = [effect.question for effect in effects if isinstance(effect, Ask)]
    (question,) = questions
    assert isinstance(question, kind)
    return question
