"""Arrows that go through a list of options while a line above it is being typed."""

from textual.events import Key
from textual.widget import Widget
from textual.widgets import OptionList


def move_while_typing(event: Key, line: Widget, options: OptionList) -> bool:
    """Move the highlighted option by an arrow pressed in `line`; whether the key was one, and there was an option."""
    if event.key not in ("up", "down") or not line.has_focus or not options.option_count:
        return False
    event.stop()
    event.prevent_default()
    if options.highlighted is None:
        options.highlighted = 0
    elif event.key == "up":
        options.action_cursor_up()
    else:
        options.action_cursor_down()
    return True
