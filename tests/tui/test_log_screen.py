"""The log shows what the core printed as plain text, follows what comes, and finds lines."""

from pathlib import Path

from textual.app import App
from textual.widgets import Log

from lmcore.protocol.messages import Heartbeat, LogLine
from tui.screens.log import LogScreen


class Bench(App[None]):
    """An app that shows a log."""

    def __init__(self, log: LogScreen) -> None:
        super().__init__()
        self.log_screen = log

    def on_mount(self) -> None:
        self.push_screen(self.log_screen)


def screen_text(app: App[None]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


LINES = [LogLine("ready"), LogLine("[/ [b + \x1b[2J", "warning"), LogLine("broke\n", "error")]


async def test_lines_are_shown_as_they_are_and_levels_are_marked(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b"from a library \xff\x1b[31m\nready\n")
    app = Bench(LogScreen(LINES, tmp_path))
    async with app.run_test(size=(100, 20)) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        shown = screen_text(app)
        assert "▲ [/ [b + ␛[2J" in shown and "✖ broke" in shown and "\x1b" not in shown
        assert "from a library \\xff␛[31m" in shown and shown.count("ready") == 1
        assert str(tmp_path / "log.txt")[:60] in shown


async def test_new_lines_are_followed_unless_one_reads_above() -> None:
    app = Bench(LogScreen([LogLine(f"line {n}") for n in range(100)]))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        log = app.log_screen.query_one(Log)
        app.log_screen.receive_events([LogLine("the newest"), Heartbeat(1, 1)])
        await pilot.pause()
        assert "the newest" in screen_text(app)
        await pilot.press("home")
        await pilot.pause()
        app.log_screen.receive_events([LogLine("still newer")])
        await pilot.pause()
        assert "line 0" in screen_text(app) and "still newer" not in screen_text(app)
        assert log.line_count == 102


async def test_lines_are_found_copied_and_the_log_closed() -> None:
    app = Bench(LogScreen(LINES))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("slash", *"BRO", "enter")
        shown = screen_text(app)
        assert "broke" in shown and "ready" not in shown and "1 lines" not in shown and "1 line" in shown
        await pilot.press("c")
        assert app.clipboard == "✖ broke"
        app.log_screen.receive_events([LogLine("nothing of it"), LogLine("broken again")])
        await pilot.pause()
        assert "broken again" in screen_text(app) and "nothing of it" not in screen_text(app)
        await pilot.press("escape")
        assert "nothing of it" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is not app.log_screen


async def test_an_empty_log_says_so() -> None:
    app = Bench(LogScreen())
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert "nothing has been printed yet" in screen_text(app)
