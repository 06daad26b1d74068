"""The driver's own part: bytes in, text out, and a terminal that is gone."""

import os
import signal
from collections.abc import Callable
from threading import Event

from textual.events import Key
from textual.message import Message

from tui.terminal import Screen, Terminal


class Driver(Terminal):
    """Reads from a pipe and keeps the keys."""

    def __init__(self, source: int) -> None:
        self.fileno = source
        self.exit_event = Event()
        self._debug = False
        self.keys: list[str] = []
        self.done: list[str] = []
        self._auto_restart, self._must_signal_resume = True, False

    def suspend_application_mode(self) -> None:
        self.done.append("gave the terminal back")

    def start_application_mode(self) -> None:
        self.done.append(f"took it, drawing anew: {self._must_signal_resume}")

    def process_message(self, message: Message) -> None:
        if isinstance(message, Key):
            self.keys.append(message.character or message.key)


def test_bytes_that_are_not_utf_8_are_replaced_and_a_terminal_without_a_reader_ends_as_by_hanging_up() -> None:
    source, typed = os.pipe()
    os.write(typed, b"\xe9x\xc3\xa4\xffy")
    os.close(typed)
    driver, told = Driver(source), []
    former: Callable[..., object] | int | None = signal.signal(signal.SIGHUP, lambda *_: told.append("hung up"))
    try:
        driver._run_input_thread()
    finally:
        signal.signal(signal.SIGHUP, former)
        os.close(source)
    assert driver.keys == ["\ufffd", "x", "ä", "\ufffd", "y"] and told == ["hung up"]


def test_what_is_written_is_utf_8_and_a_terminal_that_is_gone_breaks_nothing() -> None:
    shown, output = os.pipe()
    screen = Screen(output)
    assert screen.write("╭ 1 ä \udce9 ╮") == 9
    assert os.read(shown, 100).decode() == "╭ 1 ä ? ╮"
    os.close(shown)
    screen.write("nobody is there")
    os.close(output)
    screen.write("nor is the terminal")


def test_after_a_stop_from_outside_the_terminal_is_taken_anew() -> None:
    source, _ = os.pipe()
    driver = Driver(source)
    driver._sigcont_application()
    assert driver.done == ["gave the terminal back", "took it, drawing anew: True"]
    driver.done.clear()  # and once only where the lab itself had stopped
    driver._sigcont_application()
    assert driver.done == ["took it, drawing anew: True"]
