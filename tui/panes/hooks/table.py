"""The hooks' table as lines of styled text, for any width. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from lmcore.config import HookConfig, to_yaml_value
from lmcore.protocol.messages import HookRow
from tui.panes.layers.health import norm_text
from tui.plain_text import shown_text
from tui.widgets.sparkline import sparkline

Span = tuple[str, str]
"""A text and the name of its style: on, off, waits, name, about, value, heading, trend."""

_STATE = 8
_FIRINGS, _MILLISECONDS, _EFFECT = 9, 9, 9
_WIDE = 116
"""From so many columns on, a hook takes one line."""


@dataclass(frozen=True)
class Shown:
    """One line of the table: a hook as declared, and how it does, where a run tells."""

    name: str
    hook: HookConfig
    row: HookRow | None
    trend: Sequence[float | None] = ()


@dataclass(frozen=True)
class Layout:
    """How the columns share a width; kind and place have columns of their own only where there is much room."""

    name: int
    about: int  # 0: below the name, on a line of its own
    trend: int
    measured: bool

    @property
    def height(self) -> int:
        """How many lines a hook takes."""
        return 1 if self.about else 2


def lay_out(width: int, shown: Sequence[Shown]) -> Layout:
    """Columns for these hooks: what is measured stands to the right, the trend takes what is left."""
    measured = any(one.row is not None for one in shown)
    right = _FIRINGS + _MILLISECONDS + _EFFECT if measured else 0
    longest = max([8, *(len(shown_text(one.name, one_line=True)) for one in shown)])
    if width >= _WIDE:
        name = min(longest, 24) + 2
        trend = 25 if measured else 0
        return Layout(name, width - _STATE - name - right - trend, trend, measured)
    rest = width - _STATE - right
    name = min(longest + 1, 32, rest) if rest >= 8 else 8
    trend = min(rest - name, 33) if measured and rest - name >= 7 else 0
    return Layout(rest - trend, 0, trend, measured)


def state_of(hook: HookConfig, row: HookRow | None, step: int) -> tuple[str, str]:
    """Whether a hook acts, by a mark and a word, and the style of both."""
    if not hook.enabled:
        return "○ off", "off"
    if row is not None and not row.acting and row.enabled:
        is_over = hook.until_step is not None and step >= hook.until_step
        return ("◌ over" if is_over else "◌ later"), "waits"
    return "● on", "on"


def window_text(hook: HookConfig) -> str:
    """Between which steps a hook acts; empty when it always does."""
    if hook.from_step is None and hook.until_step is None:
        return ""
    if hook.until_step is None:
        return f"from step {hook.from_step:,}"
    if not hook.from_step:
        return f"until step {hook.until_step:,}"
    return f"steps {hook.from_step:,} to {hook.until_step:,}"


def about(hook: HookConfig) -> str:
    """What a hook is: its kind and function, where, and when."""
    parts = [f"{hook.kind} {hook.use}", hook.at or "", window_text(hook)]
    return shown_text(" · ".join(part for part in parts if part), one_line=True)


def heading(layout: Layout) -> list[Span]:
    """The line above the rows."""
    text = " " * _STATE + "hook".ljust(layout.name) + "what and where".ljust(layout.about)[: layout.about]
    if layout.measured:
        text += "firings".rjust(_FIRINGS) + "ms/step".rjust(_MILLISECONDS) + "effect".rjust(_EFFECT)
    if layout.trend:
        text += "trend".rjust(layout.trend)
    return [(text, "heading")]


def table_lines(one: Shown, layout: Layout, step: int) -> list[list[Span]]:
    """One hook's lines."""
    state, style = state_of(one.hook, one.row, step)
    name_style = "name" if one.hook.enabled else "off"
    spans: list[Span] = [(state.ljust(_STATE), style), (_fitted(one.name, layout.name), name_style)]
    if layout.about:
        spans.append((_fitted(about(one.hook), layout.about), "about"))
    if layout.measured:
        spans += _measured(one.row if one.hook.enabled else None)
    if layout.trend:
        spans.append((f"  {sparkline(one.trend, layout.trend - 2)}", "trend"))
    if layout.about:
        return [spans]
    width = sum(len(text) for text, _ in spans)
    return [spans, [(" " * _STATE + _cut(about(one.hook), width - _STATE), "about")]]


def _measured(row: HookRow | None) -> list[Span]:
    firings = f"{row.firings:,}" if row is not None else ""
    milliseconds = "" if row is None or row.milliseconds is None else f"{row.milliseconds:.2f}"
    effect = "" if row is None or row.effect is None else norm_text(row.effect)
    return [
        (firings.rjust(_FIRINGS), "value"),
        (milliseconds.rjust(_MILLISECONDS), "value"),
        (effect.rjust(_EFFECT), "value"),
    ]


def explain(one: Shown, width: int, most: int) -> list[str]:
    """What the lines under the table say of a hook: its arguments, where it acts, and what it does there."""
    hook, row = one.hook, one.row
    given = ", ".join(f"{name} {to_yaml_value(value)}" for name, value in hook.with_.items())
    parts = [f"{hook.use} with {given}." if given else f"{hook.use}, with its defaults."]
    if row is not None and row.places:
        verb = "Acts at" if row.acting and hook.enabled else "Would act at"
        parts.append(f"{verb} {len(row.places)} {'place' if len(row.places) == 1 else 'places'}.")
    if not hook.enabled:
        parts.append("Off: it costs nothing and changes nothing.")
    elif row is not None and not row.acting:
        parts.append(f"Not acting now: {window_text(hook) or 'no run goes on'}.")
    elif row is not None and row.effect is not None:
        what = "The term is {} of the loss." if hook.kind == "loss" else "The change is {} of the original, in norm."
        parts.append(what.format(norm_text(row.effect)))
    if row is not None and len(row.places) > 1:
        parts.append(", ".join(row.places))
    lines = wrap(shown_text(" ".join(parts), one_line=True), max(10, width))
    if len(lines) > most:
        lines = [*lines[: most - 1], _cut(lines[most - 1] + " …", width)]
    return [*lines, *[""] * (most - len(lines))]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]


def _fitted(text: str, width: int) -> str:
    return _cut(shown_text(text, one_line=True), max(0, width - 1)).ljust(width)
