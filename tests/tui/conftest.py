"""Keys and pauses of these tests wait for what the lab has to do, not for a quiet processor as Textual has them."""

import asyncio
from collections.abc import Iterator

import pytest

HORIZON = 0.02
"""Seconds: timers that are due within so many (a frame's, for one) are waited for."""


async def _settled(*_: float) -> None:
    """Return when the event loop has run all that can run now or is due before the horizon.

    Textual's own wait takes a process that gets no processor time for one that has nothing to do.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + HORIZON
    quiet = 0
    while quiet < 3:  # what waits for a file or another thread that is done already is seen in the next round
        await asyncio.sleep(0)
        due = [handle.when() for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        if loop._ready:  # type: ignore[attr-defined]
            quiet = 0
        elif due and min(due) < end:
            await asyncio.sleep(max(0.0, min(due) - loop.time()))
            quiet = 0
        else:
            quiet += 1


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_a_quiet_processor() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textual.app.wait_for_idle", _settled)
        patch.setattr("textual.pilot.wait_for_idle", _settled)
        yield
