"""How a command ends."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells the shell."""

    DONE = 0
    FAILED = 1  # something broke, or a loss was not finite
    WRONG_INPUT = 2  # a configuration, a name or an option that cannot be used
    INTERRUPTED = 130  # by SIGINT, SIGTERM or SIGHUP, after what there was to save was saved


class Failure(Exception):
    """A command ends with a sentence for the person and an exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code
