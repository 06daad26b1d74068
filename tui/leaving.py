"""Quitting: what is asked, and how the core is ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from tui.app import LabApp


class CoreEnded(Message):
    """The core has ended; the app may, too."""


def quit_lab(app: LabApp) -> None:
    """Quit, after a question if a run is going or a configuration is not saved."""
    from tui.screens.dialogs import ConfirmDialog, QuitDialog

    lab, config, ablation = app.lab, app.home.config, app.lab.ablation
    if lab.is_training:
        name = (lab.run.title or lab.run.name) if lab.run else "that is being prepared"

        def leave(choice: str | None) -> None:
            if choice == "save":
                end(app)

        app.push_screen(QuitDialog(name, lab.step, lab.max_steps), leave)
    elif ablation is not None and ablation.is_going:
        text = f"The ablation {ablation.plan.name} is going: {ablation.done} of {ablation.total} runs are in."

        def stop(agreed: bool | None) -> None:
            if agreed:
                end(app)

        note = "The runs that train are saved, and the same ablation goes on from there at any time."
        app.push_screen(ConfirmDialog("Quit", text, yes="Stop and save", no="Stay", note=note), stop)
    elif config is not None and config.is_changed:
        text = "The configuration has changes that are not saved."

        def discard(agreed: bool | None) -> None:
            if agreed:
                end(app)

        app.push_screen(ConfirmDialog("Quit", text, yes="Quit without saving", no="Stay"), discard)
    else:
        end(app)


def end(app: LabApp) -> None:
    """End the core on a thread, so that the screen lives until it has saved; then the app."""
    is_ablating = app.lab.ablation is not None and app.lab.ablation.is_going
    has_run = app.lab.has_open_run or is_ablating
    if has_run:
        app.tell("Saving the runs …" if is_ablating else "Saving the run …")
    timeout = 60.0 if has_run else 0.5 if app.lab.core != "ready" else 5.0

    def work() -> None:
        app.core.shut_down(timeout)
        app.post_message(CoreEnded())

    threading.Thread(target=work, name="leaving", daemon=True).start()
