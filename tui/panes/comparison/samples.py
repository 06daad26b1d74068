"""What the runs made of the fixed prompt, side by side for a width."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from lmcore.experiments.comparison.samples import SideSample
from tui.plain_text import shown_text
from tui.widgets.wrap import wrap

_NARROWEST = 30
_BETWEEN = " │ "


def side_by_side(samples: Sequence[SideSample], styles: dict[str, str], width: int) -> Content:
    """The samples in as many columns as there is room for; `styles` by letter for the headings."""
    if not samples:
        return Content("No run has samples: evaluation.prompt_tokens says how long they are.")
    at_once = max(1, min(len(samples), (width + len(_BETWEEN)) // (_NARROWEST + len(_BETWEEN))))
    column = (width - len(_BETWEEN) * (at_once - 1)) // at_once
    parts: list[str | Content | tuple[str, str]] = []
    for start in range(0, len(samples), at_once):
        shown = samples[start : start + at_once]
        texts = [_lines(sample, column) for sample in shown]
        for number, sample in enumerate(shown):
            heading = f"{sample.letter}, step {sample.step:,}".ljust(column)
            parts += [
                (_BETWEEN if number else "", "$text-muted"),
                (heading, f"bold {styles.get(sample.letter, '$foreground')}"),
            ]
        parts.append("\n")
        for row in range(max(map(len, texts))):
            for number, lines in enumerate(texts):
                text = lines[row] if row < len(lines) else ""
                parts += [(_BETWEEN if number else "", "$text-muted"), text + " " * (column - cell_len(text))]
            parts.append("\n")
        parts.append("\n")
    return Content.assemble(*parts)


def _lines(sample: SideSample, width: int) -> list[str]:
    text = shown_text(sample.prompt + sample.text)
    return [text[start:end] for start, end in wrap(text, 0, width)]
