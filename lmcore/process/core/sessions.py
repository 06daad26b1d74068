"""sessions/: one file for each session of the lab, with everything that was done in it, so that it can be repeated."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lmcore.clock import local_now, stamp
from lmcore.config import to_yaml_value
from lmcore.experiments.identity.own_code import PLAIN_NAME, digest_of
from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.experiments.runs.lines import LineWriter, decode_line
from lmcore.experiments.runs.listing import is_run
from lmcore.files import check_folder, create, make_folder, read_regular
from lmcore.places import at_home
from lmcore.process.core.deeds import Deed, Moment, Outcome, checked, command_from, plain_command, plain_value
from lmcore.protocol.messages import Cancel, DescribeHooks, ListMoments, LogLine, OwnFile, ShutDown

SESSIONS = "sessions"
"""The folder of a runs folder in which they lie."""

FORMAT = 1

UNRECORDED = (Cancel, DescribeHooks, ListMoments, ShutDown)
"""Commands that leave no trace of their own (an answer that was cancelled says so itself), or only serve a screen."""

MOST_EARLY = 100

MOST_BYTES = 1 << 28
"""Bytes of a session that are read: what weeks in the lab leave."""


class SessionRecorder:
    """Writes one line for each thing that is done, from the first run on that is opened.

    The file lies beside that run, so that opening the lab alone leaves nothing. When it cannot be written any more
    (the disk is full), that is told once, and nothing else happens: training never waits for it.
    """

    def __init__(self) -> None:
        self._writer: LineWriter | None = None
        self._early: list[Deed] = []  # done before a run was opened
        self._files: set[str] = set()  # digests of the own files whose text is written
        self._problem = ""  # why nothing is recorded any more
        self._is_told = False

    def done(self, deed: Deed) -> Sequence[LogLine]:
        """Record a command. Returns what the person should know: where the file lies, or that it cannot be written."""
        told: list[LogLine] = []
        try:
            if self._problem or isinstance(deed.command, UNRECORDED):
                pass
            elif self._writer is not None:
                self._write(*self._rows(deed))
            elif deed.outcome.opened is None:
                self._early = [*self._early[1 - MOST_EARLY :], deed]
            else:
                path = self._open(Path(deed.outcome.opened.folder).parent / SESSIONS)
                self._write(*(row for one in [*self._early, deed] for row in self._rows(one)))
                self._early = []
                told.append(LogLine(f"What is done here is recorded in {path}; `lmcore replay` repeats it."))
        except (RunError, OSError) as error:
            self._problem = str(error)
        if self._problem and not self._is_told:
            self._is_told = True
            told.append(LogLine(f"What is done from here on is not recorded as a session: {self._problem}", "warning"))
        return told

    def reached(self, moment: Moment) -> None:
        """Record that training came to a pause, an end or a checkpoint by itself."""
        self._mark({"at": asdict(moment)})

    def ended(self, moment: Moment) -> None:
        """Record the end of the session."""
        self._mark({"at": asdict(moment), "end": True})
        if self._writer is not None:
            self._writer.close()

    def _mark(self, row: dict[str, Any]) -> None:
        if self._writer is None or self._problem:
            return
        try:
            self._write({"time": stamp(), **row})
        except (RunError, OSError) as error:
            self._problem = str(error)  # told with the next command

    def _open(self, folder: Path) -> Path:
        with plainly("write", folder):
            make_folder(folder)
            name, number = f"{local_now():%Y%m%d-%H%M%S}", 1
            while True:
                path = folder / f"{name}{'' if number == 1 else f'-{number}'}.jsonl"
                try:
                    create(path).close()
                    break
                except FileExistsError:
                    number += 1
        self._writer = LineWriter(path)
        self._write({"session": FORMAT, "time": stamp(), "working_folder": str(Path.cwd())})
        return path

    def _rows(self, deed: Deed) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for file in deed.own:
            if file.digest not in self._files:
                self._files.add(file.digest)
                rows.append({"own_file": file.name, "digest": file.digest, "text": file.text})
        row = {"time": deed.time, "at": asdict(deed.at), "do": type(deed.command).__name__}
        row["with"] = plain_command(deed.command)
        if deed.own:
            row["own"] = {file.name: file.digest for file in deed.own}
        row["out"] = _said(deed.outcome)
        return [*rows, row]

    def _write(self, *rows: dict[str, Any]) -> None:
        assert self._writer is not None
        self._writer.append(*(plain_value(row) for row in rows))


def _said(outcome: Outcome) -> dict[str, Any]:
    """What an outcome says, without what it is silent on."""
    said, silent = asdict(outcome), asdict(Outcome())
    return {name: value for name, value in said.items() if value != silent[name]}


@dataclass(frozen=True)
class Session:
    """A session as it was recorded. `end` is None where the core was killed, or still runs."""

    path: Path
    working_folder: Path
    deeds: tuple[Deed, ...]
    files: tuple[OwnFile, ...]  # every version of every own file that took part
    last: Moment  # the last that was recorded
    end: Moment | None


def find_session(runs_folder: Path, name: str) -> Path:
    """The session that is meant: "last", a file, or any part of a name that no other one in sessions/ has. RunError."""
    folder = runs_folder / SESSIONS
    direct = at_home(name)
    if is_run(direct) or is_run(runs_folder / name):
        raise RunError(_is_a_run(direct.name))
    if direct.is_file():
        return direct
    with plainly("read", folder):
        with suppress(FileNotFoundError):
            check_folder(folder)
        paths = sorted(folder.glob("*.jsonl"), key=_age)
    if not paths:
        raise RunError(f"There is no session in {folder} yet: the lab leaves one there once a run is opened in it.")
    if name == "last":
        return paths[-1]
    fitting = [path for path in paths if path.stem == name or path.name == name]
    fitting = fitting or [path for path in paths if name and name in path.stem]
    if len(fitting) == 1:
        return fitting[0]
    which = f"is part of {len(fitting)} sessions" if fitting else "is no session"
    listed = ", ".join(path.stem for path in reversed((fitting or paths)[-5:]))
    raise RunError(f"{name!r} {which} in {folder}. The newest: {listed}.")


def _age(path: Path) -> tuple[float, str]:
    return path.lstat().st_mtime, path.name


def _is_a_run(name: str) -> str:
    return f"{name} is one run, with a journal of its own: `lmcore verify {name}` trains it again and compares."


def read_session(path: Path) -> Session:
    """Read what was recorded. RunError with the line for anything that is not as it was written.

    Only a last line that was cut short is passed over: what comes after a damaged one could not be repeated truly.
    """
    with plainly("read", path):
        content = read_regular(path, MOST_BYTES)
    lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
    reading = _Reading(path.absolute())
    for number, line in enumerate(lines, start=1):
        try:
            reading.line(decode_line(line))
        except RunError as error:
            raise RunError(
                f"{path}, line {number}: {error}. What follows cannot be repeated truly without it."
            ) from error
    return reading.session()


class _Reading:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder: Path | None = None
        self._deeds: list[Deed] = []
        self._files: dict[str, OwnFile] = {}
        self._last = Moment("", 0, "idle")
        self._end: Moment | None = None

    def line(self, row: dict[str, Any] | None) -> None:
        if row is None:
            raise RunError("it is damaged")
        if self._folder is None:
            self._begin(row)
        elif "own_file" in row:
            self._file(row)
        else:
            self._last = checked(Moment, row.get("at"), "at")
            if "do" in row:
                self._deed(row, self._last)
            elif row.get("end"):
                self._end = self._last

    def _begin(self, row: dict[str, Any]) -> None:
        if {"step", "key", "new"} <= row.keys():
            raise RunError(_is_a_run(self._path.parent.name).removesuffix("."))
        if row.get("session") != FORMAT or not isinstance(row.get("working_folder"), str):
            raise RunError("a session of the lab begins with its format and its working folder, and this does not")
        self._folder = Path(row["working_folder"])

    def _file(self, row: dict[str, Any]) -> None:
        name, digest, text = (str(row.get(key)) for key in ("own_file", "digest", "text"))
        if not PLAIN_NAME.fullmatch(name):
            raise RunError(f"{name!r} is not the name of a file of one's own")
        if digest_of(text.encode("utf-8", "replace")) != digest:
            raise RunError(f"the text of {name} is not what its digest {digest[:12]} says; it was changed")
        self._files[digest] = OwnFile(name, f"{self._path} ({name})", digest, text)

    def _deed(self, row: dict[str, Any], at: Moment) -> None:
        row = _as_value(row)
        values, own = row.get("with"), row.get("own", {})
        if not isinstance(values, dict) or not isinstance(own, dict):
            raise RunError("`with` and `own` should be tables")
        own = {str(name): str(digest) for name, digest in own.items()}
        if missing := [name for name, digest in own.items() if digest not in self._files]:
            raise RunError(f"the text of {', '.join(missing)} is not recorded")
        files = tuple(self._files[digest] for digest in own.values())
        command = command_from(str(row["do"]), values)
        outcome = checked(Outcome, row.get("out"), "out")
        if outcome.opened is not None:
            for name in (outcome.opened.name, outcome.opened.parent or "-"):
                if name in ("", "..") or Path(name).name != name:
                    raise RunError(f"{name!r} is not the name of a run")
        self._deeds.append(Deed(command, at, outcome, files, str(row.get("time", ""))))
        if outcome.opened is not None:
            self._last = Moment(outcome.opened.name, outcome.opened.step, "paused")

    def session(self) -> Session:
        if self._folder is None or not self._deeds:
            raise RunError(f"{self._path} holds nothing that was done.")
        files = tuple(self._files.values())
        return Session(self._path, self._folder, tuple(self._deeds), files, self._last, self._end)


def _as_value(row: dict[str, Any]) -> dict[str, Any]:
    """A line, where it switches a hook as earlier versions recorded that, as the change of a value that it was."""
    match row:
        case {"do": "ToggleHook", "with": {"name": str(name), "enabled": bool(enabled)}}:
            key = f"hooks.{name}.enabled"
            said = dict(out) if isinstance(out := row.get("out"), dict) else {}
            if said.get("changed"):
                said["changed"] = [[key, to_yaml_value(not enabled), to_yaml_value(enabled)]]
            return {**row, "do": "SetValue", "with": {"key": key, "value": to_yaml_value(enabled)}, "out": said}
        case _:
            return row
