"""The terminal as the lab drives it: bytes that are not UTF-8 become �, and one that is gone ends the lab in order."""

import asyncio
import os
import selectors
import signal
from codecs import getincrementaldecoder
from collections.abc import Callable
from io import TextIOWrapper
from typing import Any, cast

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

STDOUT = 1

ENDINGS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that save and quit: ^c from outside (it is a key in the lab), a request, a closed terminal."""


def listen_to_endings(end: Callable[[signal.Signals], None]) -> None:
    """Let each of the signals that is not ignored call `end`, between two turns of the event loop."""
    for number in ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, end, number)


class Screen:
    """Writes text to the terminal, in UTF-8 whatever the locale says; where the terminal is gone, nowhere."""

    def __init__(self, output: int) -> None:
        self._output = output

    def write(self, text: str) -> int:
        """Write the text whole."""
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            try:
                data = data[os.write(self._output, data) :]
            except BlockingIOError:
                with selectors.SelectSelector() as selector:
                    selector.register(self._output, selectors.EVENT_WRITE)
                    selector.select(1.0)
            except OSError:
                break  # saving goes on without a screen
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    def fileno(self) -> int:
        """The terminal's file number."""
        return self._output


class Terminal(LinuxDriver):
    """Textual's driver with a reading loop of its own: Textual's ends the app at a byte that is not UTF-8."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._file = cast(TextIOWrapper, Screen(STDOUT))

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal again after a stop. One that came from outside (SIGSTOP) left it as the lab had it."""
        if self._auto_restart and not self._must_signal_resume:
            if not self._is_in_front():
                os.kill(os.getpid(), signal.SIGSTOP)  # until fg: what is drawn now would stand amid the shell's lines
                return
            self.suspend_application_mode()
            self._must_signal_resume = True  # so that everything is drawn anew
        super()._sigcont_application()

    def _is_in_front(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # no terminal that shares itself out
            return True

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:
            self._tell_gone()
        except Exception as error:
            self._app.call_later(self._app._handle_exception, error)

    def run_input_thread(self) -> None:
        """Turn what is read into events, until the driver ends."""
        parser = XTermParser(self._debug)
        decoder = getincrementaldecoder("utf-8")("replace")
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    read = os.read(self.fileno, 4096)
                    if not read:
                        self._tell_gone()
                        return
                    if text := decoder.decode(read):  # an empty text would end the parser
                        for event in parser.feed(text):
                            self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def _tell_gone(self) -> None:
        """End the lab as a terminal does that tells of its end."""
        if not self.exit_event.is_set():
            os.kill(os.getpid(), signal.SIGHUP)
