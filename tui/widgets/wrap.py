"""Breaking text into rows of cells, in a way that can go on where it stopped when more text arrives."""

from rich.cells import cell_len, get_character_cell_size


def wrap(text: str, start: int, width: int) -> list[tuple[int, int]]:
    """Rows (from, to) of `text[start:]`, each at most `width` cells: broken at line feeds, at blanks, else anywhere.

    Greedy, so that appending text changes no row but the last: wrapping again from its beginning is enough. A text that
    ends with a line feed ends with an empty row.
    """
    rows: list[tuple[int, int]] = []
    width = max(1, width)
    while True:
        line_end = text.find("\n", start)
        end = len(text) if line_end < 0 else line_end
        start = _wrap_line(text, start, end, width, rows)
        if line_end < 0:
            return rows
        start = line_end + 1


def _wrap_line(text: str, start: int, end: int, width: int, rows: list[tuple[int, int]]) -> int:
    while end - start > width or (not text[start:end].isascii() and cell_len(text[start:end]) > width):
        stop = _fitting(text, start, end, width)
        blank = stop if stop < end and text[stop] == " " else text.rfind(" ", start, stop)
        if blank > start:
            rows.append((start, blank))
            start = blank + 1
        else:
            rows.append((start, stop))
            start = stop
    rows.append((start, end))
    return end


def _fitting(text: str, start: int, end: int, width: int) -> int:
    """The longest end such that text[start:end] takes at most `width` cells, and at least one character."""
    piece = text[start : min(end, start + width)]
    if piece.isascii():
        return start + len(piece)
    cells = 0
    for index in range(start, end):
        cells += get_character_cell_size(text[index])
        if cells > width:
            return max(index, start + 1)
    return end
