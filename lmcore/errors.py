"""The errors that are meant for a person. Anything else that is raised is a fault of the lab, and told as one."""

import traceback
from pathlib import Path


class LabError(ValueError):
    """Something cannot be done as it was asked for; the message says what is wrong, where, and what would be right."""


class UserCodeError(LabError):
    """A file of the user's that a run names raised an error, or gives what cannot be used: a hook or an optimizer.

    The message says what failed, in which line; `trace` is the traceback inside the file, "" where it raised nothing.
    """

    def __init__(self, sentence: str, trace: str = "") -> None:
        super().__init__(sentence)
        self.trace = trace


def fault_sentence(error: BaseException, trace: str) -> str:
    """What to tell of an error that is no LabError: what it is, where, and how to report it.

    `trace` says where its traceback is, as in: `lmcore --debug …` shows it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    report = f"It is a fault of lmlab: report it with its traceback ({trace})."
    return f"Something broke that should not: {what}{where}. {report}"
