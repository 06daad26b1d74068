"""One line of a pane's table: spans of text in the pane's own styles."""

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget


def table_line(
    pane: Widget,
    styles: str,
    spans: Sequence[tuple[str, str]],
    width: int,
    is_cursor: bool = False,
    even_unfocused: bool = False,
) -> Strip:
    """A line of `spans` (text, style), exactly `width` wide; marked where the cursor is, as long as the pane has the
    focus (or `even_unfocused`).

    The styles are the pane's component classes `STYLES--style`, and `STYLES--focus` for the mark.
    """
    base = pane.rich_style
    segments = [
        Segment(text, base + pane.get_component_rich_style(f"{styles}--{style}", partial=True)) for text, style in spans
    ]
    strip = Strip(segments).adjust_cell_length(width, base)
    if is_cursor and (pane.has_focus or even_unfocused):
        focus = pane.get_component_rich_style(f"{styles}--focus", partial=True)
        # After the segments' own styles, whose background would hide the mark.
        strip = Strip([Segment(text, (style or base) + focus) for text, style, _ in strip], width)
    return strip
