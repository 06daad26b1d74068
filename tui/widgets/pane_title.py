"""The title in a pane's border."""

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget


def show_title(pane: Widget, title: Content) -> None:
    """Set a pane's title and draw the line that it stands in. (Setting `border_title` draws the whole pane.)"""
    shown = pane._border_title
    if shown is not None and shown.plain == title.plain:
        return
    if not pane.is_attached or shown is None:
        pane.border_title = title
        return
    pane._border_title = title
    offset = pane.content_offset
    pane.refresh(Region(-offset.x, -offset.y, pane.outer_size.width, 1))
