"""Own files of a run that goes on, watched where the person edits them."""

import time
from contextlib import suppress
from pathlib import Path

from lmcore.experiments.identity.consent import ConsentNeeded, require_consent
from lmcore.experiments.identity.own_code import OwnCode, read_own_file
from lmcore.experiments.runs.folder import RunError
from lmcore.files import Stamp, stamp_of
from lmcore.protocol.messages import ConsentWanted, OwnFile

SETTLED_SECONDS = 0.1  # a file written more recently may still be half-way to the disk


class FileWatch:
    """The originals of a run's own files. What is written to one after the run was opened here is to be used.

    An original is followed, its later versions being the person's own edits, if it lies in a folder that the person
    named, and said when the run was opened what the person had agreed to. Each version of any other must be agreed to.
    """

    def __init__(self, own: OwnCode, just_read: bool, is_named: bool) -> None:
        """`just_read`: the run began here, with the originals. `is_named`: the person opened a configuration in their
        folder, on this machine; without that only a file, which anybody may have written, says where they lie."""
        self._own = own
        self._is_named = is_named
        self._seen: dict[str, Stamp | None] = {}
        self._same: set[str] = set()  # originals that said what the run uses
        for name in () if just_read else own.files:
            self._seen[name] = stamp_of(self._path(name))
            with suppress(RunError):  # it is not there, or not text: the run has its own copy
                if read_own_file(self._path(name)).digest == own.files[name].digest:
                    self._same.add(name)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of originals that are not what the run uses, in sentences."""
        return tuple(
            f"{self._path(name)} is not the version that this run uses, which lies in the run's own folder. Save it "
            "once more while the run is open to use it from the next step on."
            for name, signature in self._seen.items()
            if signature is not None and name not in self._same
        )

    def edited(self) -> OwnFile | None:
        """The next file that was written and says something new; it may run. RunError; ConsentNeeded.

        It is told again until the run uses it, or the file is as it was.
        """
        for name, acting in self._own.files.items():
            if name not in self._seen:  # the run began to use it just now
                self._seen[name] = None
                self._same.add(name)
            signature = stamp_of(self._path(name))
            if signature is None or signature == self._seen[name]:
                continue
            time.sleep(max(0.0, min(SETTLED_SECONDS, signature[0] / 1e9 + SETTLED_SECONDS - time.time())))
            signature, file = stamp_of(self._path(name)), read_own_file(self._path(name))
            if file.digest != acting.digest:
                require_consent([file], allow=self._is_named and name in self._same)
                return file
            self._seen[name] = signature
            self._same.add(name)
        return None

    def _path(self, name: str) -> Path:
        """The original; where its folder is not known, the run's copy."""
        return self._own.folder / name if self._own.folder is not None else Path(self._own.files[name].path)


def consent_wanted(command: str, needed: ConsentNeeded, request: int | None = None) -> ConsentWanted:
    """The question to the person whether some files may run."""
    return ConsentWanted(command, tuple(needed.files), request)
