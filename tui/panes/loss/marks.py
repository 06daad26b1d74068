"""A change in a few words, as it stands on the loss curve."""

from lmcore.protocol.messages import ValueChanged
from tui.plain_text import shown_text

_MOST = 32


def mark_name(change: ValueChanged) -> str:
    """A change as a short name: `learning_rate 3e-3`, `hook ablate off`, `hook noise added`, `my_hooks.py edited`."""
    section, _, name = change.key.partition(".")
    if change.key == "hooks":
        text = change.words or "hooks changed"
    elif section == "code":
        text = f"{name} edited"
    elif section == "hooks":
        hook, _, part = name.rpartition(".")
        if part == "enabled":
            text = f"hook {hook} {'on' if change.new == 'true' else 'off'}"
        else:
            text = f"hook {hook} {part} {change.new}"
    else:
        text = f"{name or section} {change.new}"
    shown = shown_text(text, one_line=True)
    return shown if len(shown) <= _MOST else f"{shown[: _MOST - 1]}…"
