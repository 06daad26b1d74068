"""The horizontal axes that a run's curves can be drawn over."""

from typing import Literal

Axis = Literal["step", "tokens", "time"]
"""What the horizontal axis counts: steps, tokens seen, or seconds of training."""

AXES: tuple[Axis, ...] = ("step", "tokens", "time")

COUNTS: dict[Axis, str] = {"tokens": "tokens", "time": "seconds"}
"""The number of a logged row that says where it lies on an axis; on that of steps, its step does."""
