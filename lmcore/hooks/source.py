"""Running the text of a person's own file, and telling what goes wrong in it as the person sees the file."""

import linecache
import traceback
from importlib.abc import ExecutionLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

from lmcore.errors import UserCodeError


class SourceLoader(ExecutionLoader):
    """What Python's import machinery needs to know of an own file, whose text is at hand already."""

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text

    def get_filename(self, fullname: str) -> str:
        """The file, as traces name it."""
        return self._name

    def get_source(self, fullname: str) -> str:
        """The whole text."""
        return self._text


def run_source(name: str, text: str) -> ModuleType:
    """A fresh module in which the text of an own file ran; `name` is the file's, as the configuration names it.

    It was agreed to: this room neither reads files nor asks. UserCodeError with line and trace of an error in it.
    """
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # so that traces show its lines
    loader = SourceLoader(name, text)
    spec = spec_from_loader(name.removesuffix(".py"), loader)
    assert spec is not None
    module = module_from_spec(spec)
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise own_error(f"{name} cannot be used", name, error) from error
    return module


def own_error(what: str, name: str, error: BaseException) -> UserCodeError:
    """`what`, and how an error inside the own file `name` caused it, with the trace inside that file."""
    line = _line_of(name, error)
    where = "" if line is None else f"line {line}: "
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    sentence = f"{what}: {where}{type(error).__name__}: {' '.join(message.split())}".removesuffix(": ")
    inside = error.__traceback__
    while inside is not None and inside.tb_frame.f_code.co_filename != name:
        inside = inside.tb_next  # how the lab came to call it is of no interest
    return UserCodeError(sentence, "".join(traceback.format_exception(type(error), error, inside)))


def _line_of(name: str, error: BaseException) -> int | None:
    """The deepest line of the file that takes part in an error."""
    if isinstance(error, SyntaxError) and error.filename == name:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return lines[-1] if lines else None
