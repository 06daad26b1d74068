"""A change in a few words, as it stands on the loss curve."""

from lmcore.protocol.messages import ValueChanged
from tui.plain_text import shown_text

_MOST = 32
_PARTS = ("at", "with", "from_step", "until_step")


def mark_name(change: ValueChanged) -> str:
    """A change as a short name: `learning_rate 3e-3`, `hook ablate off`, `hook noise added`, `my_hooks.py edited`."""
    section, _, name = change.key.partition(".")
    if change.key == "hooks":
        text = _list_change(change)
    elif section == "code":
        text = f"{name} edited"
    elif section == "hooks":
        hook, _, part = name.rpartition(".")
        if part == "enabled":
            text = f"hook {hook} {'on' if change.new in ('true', 'on') else 'off'}"
        else:
            text = f"hook {hook} {part} {change.new}" if part in _PARTS else f"hook {name} {change.new}"
    else:
        text = f"{name or section} {change.new}"
    shown = shown_text(text, one_line=True)
    return shown if len(shown) <= _MOST else f"{shown[: _MOST - 1]}…"


def _list_change(change: ValueChanged) -> str:
    """What became of the list of hooks."""
    from lmcore.config import ConfigError, parse_yaml_value

    try:
        old, new = (
            [(str(hook.get("name")), hook) for hook in parse_yaml_value(text) or []]
            for text in (change.old, change.new)
        )
    except (ConfigError, AttributeError, TypeError):
        return "hooks changed"
    before, after = dict(old), dict(new)
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    altered = [name for name in after if name in before and after[name] != before[name]]
    found = [(added, "added"), (removed, "removed"), (altered, "changed")]
    words = [f"{', '.join(names)} {verb}" for names, verb in found if names]
    return f"hook {', '.join(words)}" if words else "hooks reordered"
