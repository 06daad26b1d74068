"""Which part of the horizontal axis is shown: zooming and panning as pure functions."""

from dataclasses import dataclass

SMALLEST = 1e-6
"""The smallest part of the whole that can be zoomed to."""


@dataclass(frozen=True)
class View:
    """A window on the axis. Without a width it shows everything; without a right end it follows what is newest."""

    width: float | None = None
    right: float | None = None

    def window(self, first: float, last: float) -> tuple[float, float]:
        """The part that is shown of an axis from first to last."""
        if self.width is None:
            return first, last
        width = min(self.width, last - first)
        right = last if self.right is None else min(max(self.right, first + width), last)
        return right - width, right

    def zoomed(self, first: float, last: float, factor: float, around: float | None = None) -> "View":
        """The window `factor` times as wide; what lies at `around` (by default the newest end) stays in its place."""
        left, right = self.window(first, last)
        if around is None or not left <= around <= right:
            around = right if self.right is None else (left + right) / 2
        width = max((right - left) * factor, (last - first) * SMALLEST, 1e-9)
        if width >= last - first:
            return View()
        share = (right - around) / (right - left) if right > left else 0.0
        return View(width, around + share * width)._settled(first, last)

    def panned(self, first: float, last: float, share: float) -> "View":
        """The window moved by a share of its own width."""
        if self.width is None:
            return self
        left, right = self.window(first, last)
        return View(self.width, right + share * (right - left))._settled(first, last)

    def _settled(self, first: float, last: float) -> "View":
        """A window whose right end has come to the newest follows it from then on."""
        assert self.width is not None and self.right is not None
        right = max(self.right, first + self.width)
        return View(self.width, None if right >= last - 1e-9 * max(1.0, abs(last)) else right)
