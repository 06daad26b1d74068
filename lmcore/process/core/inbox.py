"""What the core receives: commands that wait to be carried out, generations that are cancelled, and the end."""

import queue
from collections import deque

from lmcore.protocol.messages import Cancel, Command, ShutDown
from lmcore.protocol.queues import Queue


class Inbox:
    """The core's receiving side. Cancelling and ending are noticed as they arrive; all else waits for its turn."""

    def __init__(self, commands: Queue) -> None:
        self._commands = commands
        self._cancelled: set[int] = set()  # generations
        self._ending = False  # no Event: its lock may be held already where a signal's handler sets it
        self._asked_to_end = False  # by a person, who can be told that the run cannot be saved
        self.waiting: deque[Command] = deque()  # received, not yet carried out

    @property
    def is_ending(self) -> bool:
        """Whether the core is to end after the present step."""
        return self._asked_to_end or self.must_end

    @property
    def must_end(self) -> bool:
        """Whether the core is to end whatever can be saved: by SIGTERM, or because its parent is gone."""
        return self._ending

    def end(self) -> None:
        """End after the present step. May be called from any thread and from a signal's handler."""
        self._ending = True

    def stay(self) -> None:
        """The person who asked for the end is told why it cannot be yet."""
        self._asked_to_end = False

    def receive(self, wait: float = 0.0) -> None:
        """Take what has arrived; `wait` is how many seconds to wait for the first command."""
        while True:
            try:
                command = self._commands.get(wait > 0, wait)
            except queue.Empty:
                return
            wait = 0.0
            if isinstance(command, Cancel):
                self._cancelled.add(command.request)
            if isinstance(command, ShutDown):
                self._asked_to_end = True
            else:
                self.waiting.append(command)

    def is_cancelled(self, request: int) -> bool:
        """Whether an answer is not wanted any more, by what has arrived up to now."""
        self.receive()
        return request in self._cancelled or self.is_ending

    def forget_cancellation(self, request: int) -> None:
        """The answer is over: its number means nothing any more."""
        self._cancelled.discard(request)
