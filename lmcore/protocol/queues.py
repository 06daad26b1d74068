"""The two queues between a front end and a core, and what travels in them."""

from typing import Any, Protocol

from lmcore.protocol.events import Event

Envelope = tuple[int, tuple[Event, ...]]
"""What travels from the core: the generation that sent it, and events in their order."""


class Queue(Protocol):
    """The part of a queue that the protocol needs; `multiprocessing.Queue` and a manager's proxy both have it."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add one item; raises queue.Full after `timeout` seconds."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the next item; raises queue.Empty after `timeout` seconds."""
