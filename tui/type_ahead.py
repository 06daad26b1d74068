"""Keys one at a time: each is taken once all that the one before it does is done, and finds the focus where it led."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from time import monotonic
from typing import Any

from textual.app import App, ScreenStackError
from textual.dom import DOMNode
from textual.events import Key, Paste

from tui.lab.parts import Waits

LONGEST = 1.0
"""Seconds after which the next key is taken all the same: nothing that a key begins may close the keyboard."""

PATIENCE = 10.0
"""Seconds after which the same holds for a screen that waits for an answer of the core."""

ROUNDS, SPINS = 10, 20
"""How often the messages that are left are waited for: where the core tells more and more, they never end."""


class TypeAhead:
    """What was typed and waits for its turn. `is_ready` says whether there is anything yet that could take a key.

    A screen that `waits` is given escape alone: it opened at once, and what its keys are about is on its way.
    """

    def __init__(self, app: App[Any], is_ready: Callable[[], bool]) -> None:
        self._app = app
        self._is_ready = is_ready
        self._waiting: deque[Key | Paste] = deque()
        self._in_turn: deque[Key | Paste] = deque()
        self._handing_out: asyncio.Task[None] | None = None

    def keeps(self, event: Key | Paste) -> bool:
        """Whether the event waits: then it is posted to the app again in its turn."""
        if self._in_turn and event is self._in_turn[0]:
            self._in_turn.popleft()
            return False
        self._waiting.append(event)
        if self._handing_out is None or self._handing_out.done():
            self._handing_out = asyncio.create_task(self._hand_out())
        return True

    async def _hand_out(self) -> None:
        while not self._is_ready():
            await asyncio.sleep(0.01)
        with suppress(ScreenStackError):  # the app closes
            while self._waiting:
                await self._until_done()
                if self._screen_waits:
                    await self._until_filled()
                is_text = self._hand_out_next()
                while is_text and self._waiting and self._is_text(self._waiting[0]):
                    self._hand_out_next()

    def _hand_out_next(self) -> bool:
        event = self._waiting.popleft()
        self._in_turn.append(event)
        self._app.post_message(event)
        return self._is_text(event)

    def _is_text(self, event: Key | Paste) -> bool:
        """Whether it only adds to the text in focus: such keys need not wait for each other."""
        focused = self._app.focused
        if focused is None or isinstance(event, Paste):
            return False
        return focused.check_consume_key(event.key, event.character)

    @property
    def _screen_waits(self) -> bool:
        screen = self._app.screen
        return isinstance(screen, Waits) and screen.waits

    async def _until_filled(self) -> None:
        """Wait until the screen in front has what it needs to take a key; escape gives it up, and what is before it."""
        end = monotonic() + PATIENCE
        while self._screen_waits and monotonic() < end:
            keys = [event.key if isinstance(event, Key) else "" for event in self._waiting]
            if "escape" in keys:
                for _ in range(keys.index("escape")):
                    self._waiting.popleft()
                return
            await asyncio.sleep(0.01)
        await self._until_done()

    async def _until_done(self) -> None:
        """Wait until no message is left: what a key begins goes on by messages, mostly from the focus outwards."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                await self._drain()

    async def _drain(self) -> None:
        for _ in range(ROUNDS):
            for _ in range(SPINS):
                if not self._has_messages():
                    break
                await asyncio.sleep(0)
            for node in self._path():  # each answers when it is done with what it has taken from its queue
                reached = asyncio.Event()
                if node.call_later(reached.set):
                    await reached.wait()
            if not self._has_messages():
                return

    def _has_messages(self) -> bool:
        screens = (screen.walk_children(with_self=True) for screen in self._app.screen_stack)
        return any(node.message_queue_size for node in chain(self._path(), *screens))

    def _path(self) -> list[DOMNode]:
        return (self._app.focused or self._app.screen).ancestors_with_self
