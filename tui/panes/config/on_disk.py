"""The configuration's file where other programs write it too: read again, or said to differ from what is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lmcore.config import ConfigError, Stamp, read_config_text, stamp_of
from tui.messages import Notice

if TYPE_CHECKING:
    from tui.panes.config.pane import ConfigPane

LOOK_EVERY = 1.0
"""Seconds between two looks at the file."""


@dataclass(frozen=True)
class OnDisk:
    """What was seen of the file: which one, and its text where that is not what was read from it or saved in it."""

    stamp: Stamp | None = None  # None: not looked at yet
    other: str | None = None


def follow(pane: "ConfigPane") -> None:
    """Show the file as it is now where nothing is unsaved; else say that it was changed."""
    path = pane.path
    if path is None:
        return
    stamp = stamp_of(path)
    if stamp != pane.disk.stamp:
        pane.disk = OnDisk(stamp, _other_text(pane, path) if stamp is not None else None)
        if pane.disk.other is not None and pane.is_changed:
            pane.post_message(Notice(f"{path} was changed on disk: ^r reads it again, ^s replaces it.", "warning"))
        pane.show_title()
    if pane.disk.other is not None and not pane.is_changed:
        _show(pane, path, pane.disk.other)


def reload(pane: "ConfigPane") -> None:
    """Show the file as it is now, though there are changes that are not saved."""
    follow(pane)
    if pane.path is not None and pane.disk.other is not None:
        _show(pane, pane.path, pane.disk.other)


def _show(pane: "ConfigPane", path: Path, text: str) -> None:
    """Show a text as the file's; what was shown can be had again as after an edit."""
    pane.change_text(text)
    pane.mark_saved(path)
    pane.post_message(Notice(f"Read {path} again: it was changed on disk. u takes that back."))


def same_lines(a: str, b: str) -> bool:
    """Whether two texts differ in their line ends at most."""
    return a.splitlines() == b.splitlines()


def _other_text(pane: "ConfigPane", path: Path) -> str | None:
    try:
        text = read_config_text(path)
    except ConfigError as error:
        pane.post_message(Notice(str(error), "warning"))
        return None
    return None if same_lines(text, pane.saved_text) else text
