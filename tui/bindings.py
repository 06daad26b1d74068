"""The one table of what can be done and by which keys: footer, help screen, command palette and key bindings are made
from it."""

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Place = Literal["everywhere", "config", "loss", "layers", "repl", "hooks"]


@dataclass(frozen=True)
class Entry:
    """One thing that can be done: keys as textual names them, an action, a word for the footer, a sentence for help."""

    keys: tuple[str, ...]
    action: str
    label: str
    help: str
    place: Place = "everywhere"
    in_footer: bool = False
    in_palette: bool = True
    while_typing: tuple[str, ...] = ()  # those of the keys that work while a text is being typed


PLACES: dict[Place, str] = {
    "everywhere": "Everywhere",
    "config": "1 Config",
    "loss": "2 Loss",
    "layers": "3 Layers",
    "repl": "4 REPL",
    "hooks": "5 Hooks",
}
"""The groups of the help screen, in their order."""

TABLE: tuple[Entry, ...] = (
    Entry(("f5",), "start", "start", "Start, pause and resume training", in_footer=True, while_typing=("f5",)),
    Entry(("f6",), "step", "step", "Make one training step", in_footer=True, while_typing=("f6",)),
    Entry(("f8",), "stop", "stop", "Stop the run and save it", in_footer=True, while_typing=("f8",)),
    Entry(("n", "ctrl+n"), "now", "now", "Look at the present again", in_footer=True, while_typing=("ctrl+n",)),
    Entry(("1",), "pane('config')", "config", "Go to the configuration"),
    Entry(("2",), "pane('loss')", "loss", "Go to the loss"),
    Entry(("3",), "pane('layers')", "layers", "Go to the layers"),
    Entry(("4",), "pane('repl')", "REPL", "Go to the REPL"),
    Entry(("5",), "pane('hooks')", "hooks", "Go to the hooks"),
    Entry(("f2",), "next_pane", "pane", "Go to the next pane", while_typing=("f2",)),
    Entry(("z", "f4"), "zoom", "zoom", "One pane on the whole screen, or all", in_footer=True, while_typing=("f4",)),
    Entry(
        ("m", "ctrl+g"),
        "moments",
        "back",
        "Go back to an earlier step, look, fork",
        in_footer=True,
        while_typing=("ctrl+g",),
    ),
    Entry(("r", "f9"), "runs", "runs", "List the runs: open, resume, overlay", in_footer=True, while_typing=("f9",)),
    Entry(("b",), "ablations", "ablate", "Ablations: find out whether a change matters", in_footer=True),
    Entry(("e",), "notes", "notes", "Notes of the run that is open"),
    Entry(("l", "f7"), "log", "log", "Show what the core printed", in_footer=True, while_typing=("f7",)),
    Entry(("t",), "theme", "theme", "Next theme: dark, light, 16 colours"),
    Entry(
        ("question_mark", "f1"),
        "help",
        "help",
        "Show all keys",
        in_footer=True,
        while_typing=("f1",),
    ),
    Entry(("ctrl+p",), "command_palette", "palette", "Find a command by name", in_footer=True, in_palette=False),
    Entry(("q", "ctrl+q", "f10"), "quit", "quit", "Quit the lab", in_footer=True, while_typing=("ctrl+q", "f10")),
    Entry(("ctrl+z",), "suspend_process", "suspend", "Suspend the lab; fg brings it back", while_typing=("ctrl+z",)),
    Entry(("escape",), "unzoom", "back", "Back to all panes", in_palette=False),
    Entry(("y", "f3"), "toggle_text", "YAML", "Form or YAML text", "config", in_footer=True, while_typing=("f3",)),
    Entry(("a",), "apply", "apply", "Bring the changes to the run that is going", "config", in_footer=True),
    Entry(("o",), "open", "open", "Open another configuration", "config", in_footer=True),
    Entry(("ctrl+s",), "save", "save", "Save the configuration", "config", in_footer=True),
    Entry(("ctrl+r",), "reload", "reload", "Read the file again that was changed on disk", "config"),
    Entry(("w",), "save_as", "save as", "Save under another name", "config"),
    Entry(("slash",), "filter", "find", "Find a field by name", "config", in_footer=True),
    Entry(("left_square_bracket",), "section(-1)", "section", "The section before", "config", in_palette=False),
    Entry(("right_square_bracket",), "section(1)", "section", "The next section", "config", in_palette=False),
    Entry(("x", "delete"), "revert", "revert", "Give the field the file's value again", "config"),
    Entry(("u",), "undo", "undo", "Take the last edit back", "config"),
    Entry(("ctrl+y",), "redo", "redo", "Make it again", "config"),
    Entry(("escape",), "leave", "leave", "Leave the search", "config", in_palette=False),
    Entry(("slash",), "filter", "metric", "Choose a metric by name", "loss", in_footer=True),
    Entry(("x",), "axis", "x axis", "Count steps, tokens or time", "loss", in_footer=True),
    Entry(("y",), "log_axis", "log", "Logarithmic or linear axis", "loss", in_footer=True),
    Entry(("c",), "cursor", "cursor", "Read values with a cursor", "loss", in_footer=True),
    Entry(("enter",), "look_back", "look", "Look at the model of the cursor's step", "loss", in_footer=True),
    Entry(("v",), "compare", "compare", "Compare the open run with those laid over it", "loss"),
    Entry(("plus", "equals_sign"), "zoom_by(0.5)", "closer", "See a smaller part", "loss"),
    Entry(("minus",), "zoom_by(2.0)", "wider", "See a larger part", "loss"),
    Entry(("left",), "pan(-1)", "left", "Move the window or the cursor left", "loss", in_palette=False),
    Entry(("right",), "pan(1)", "right", "Move the window or the cursor right", "loss", in_palette=False),
    Entry(("shift+left",), "pan(-10)", "far left", "Move far to the left", "loss", in_palette=False),
    Entry(("shift+right",), "pan(10)", "far right", "Move far to the right", "loss", in_palette=False),
    Entry(("0",), "everything", "all", "See the whole run again", "loss"),
    Entry(("escape",), "leave", "leave", "Leave the cursor", "loss", in_palette=False),
    Entry(("up", "k"), "move(-1)", "up", "The row above", "layers", in_palette=False),
    Entry(("down", "j"), "move(1)", "down", "The row below", "layers", in_palette=False),
    Entry(("left",), "column(-1)", "column", "The column to the left", "layers", in_palette=False),
    Entry(("right",), "column(1)", "column", "The column to the right", "layers", in_palette=False),
    Entry(("home",), "move(-10000)", "first", "The first row", "layers", in_palette=False),
    Entry(("end",), "move(10000)", "last", "The last row", "layers", in_palette=False),
    Entry(("enter",), "parameters", "parameters", "The row's parameters", "layers", in_footer=True),
    Entry(("escape",), "cancel", "cancel", "Cancel the answer, or empty the line", "repl", in_palette=False),
    Entry(("ctrl+t",), "timeline", "timeline", "What it said at each evaluation", "repl", in_footer=True),
    Entry(("ctrl+l",), "clear", "clear", "Empty the page", "repl"),
    Entry(("pageup",), "page(-1)", "page up", "Scroll the page up", "repl", in_palette=False),
    Entry(("pagedown",), "page(1)", "page down", "Scroll the page down", "repl", in_palette=False),
    Entry(("up", "k"), "move(-1)", "up", "The hook above", "hooks", in_palette=False),
    Entry(("down", "j"), "move(1)", "down", "The hook below", "hooks", in_palette=False),
    Entry(("space",), "switch", "on/off", "Switch the hook on or off", "hooks", in_footer=True),
    Entry(("a",), "add", "add", "Add a hook from the catalogue", "hooks", in_footer=True),
    Entry(("enter",), "edit", "edit", "Edit the hook: place, arguments, window", "hooks", in_footer=True),
    Entry(("d", "delete"), "remove", "remove", "Remove the hook", "hooks", in_footer=True),
    Entry(("ctrl+up",), "reorder(-1)", "earlier", "Let it act before the one above", "hooks"),
    Entry(("ctrl+down",), "reorder(1)", "later", "Let it act after the one below", "hooks"),
)

_SHOWN = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "shift+left": "shift+←",
    "shift+right": "shift+→",
    "ctrl+up": "^↑",
    "ctrl+down": "^↓",
    "delete": "del",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def shown_key(key: str) -> str:
    """A key as it is written for people: F5, ^p, ?, ←."""
    if key in _SHOWN:
        return _SHOWN[key]
    if key.startswith("ctrl+"):
        return f"^{key[5:]}"
    return key.upper() if len(key) > 1 and key[0] == "f" and key[1:].isdigit() else key


def shown_keys(entry: Entry) -> str:
    """All keys of an entry: `z, F4`."""
    return ", ".join(shown_key(key) for key in entry.keys)


def pane_bindings(place: Place) -> list[BindingType]:
    """The textual bindings of one place."""
    return [
        Binding(key, entry.action, entry.label, show=False, priority=key in entry.while_typing)
        for entry in TABLE
        if entry.place == place
        for key in entry.keys
    ]


def entries(place: Place) -> list[Entry]:
    """The entries of one place, in the table's order."""
    return [entry for entry in TABLE if entry.place == place]
