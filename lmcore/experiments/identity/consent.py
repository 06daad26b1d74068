"""Which of a person's own Python files may run: those whose digests the person agreed to, on this machine."""

import os
import re
from collections.abc import Iterable, Sequence

from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.files import make_path, open_to_append, read_regular
from lmcore.places import user_folder
from lmcore.protocol.messages import OwnFile

AGREED = "agreed-code.txt"


class ConsentNeeded(RunError):
    """Files that would run were not agreed to; none of them ran, and nothing has changed."""

    def __init__(self, files: Sequence[OwnFile]) -> None:
        self.files = tuple(files)
        listed = "; ".join(f"{file.path} (SHA-256 {file.digest})" for file in self.files)
        super().__init__(
            f"This would run Python code that you have not agreed to yet: {listed}. Read it; if it may run, say so "
            "with --allow-code."
        )


def agreed_digests() -> frozenset[str]:
    """Digests of every file that may run; none where nothing was ever agreed to. RunError if they cannot be read."""
    path = user_folder("data") / AGREED
    with plainly("read", path):
        try:
            return frozenset(read_regular(path).decode("ascii", "replace").split())
        except FileNotFoundError:
            return frozenset()


def agree(digests: Iterable[str]) -> None:
    """Remember, for all later runs too, that files with these digests may run. RunError if it cannot be written."""
    wanted = tuple(dict.fromkeys(digests))
    for digest in wanted:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise RunError(f"{digest!r} is no digest of a file: it should be 64 hexadecimal digits.")
    new = set(wanted) - agreed_digests()
    path = user_folder("data") / AGREED
    with plainly("write", path):
        make_path(path.parent)
        with os.fdopen(open_to_append(path), "a", encoding="ascii") as file:
            file.write("".join(f"{digest}\n" for digest in wanted if digest in new))


def require_consent(files: Iterable[OwnFile], allow: bool = False) -> None:
    """Refuse with ConsentNeeded if some of these files were not agreed to; with `allow`, agree to them instead."""
    agreed = agreed_digests()
    missing = {file.digest: file for file in files if file.digest not in agreed}
    if not missing:
        return
    if not allow:
        raise ConsentNeeded(tuple(missing.values()))
    agree(missing)
