"""Every screen and dialog of the lab, with one text in each place where a text of a file or of a person stands."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from textual.command import CommandPalette
from textual.screen import Screen

from lmcore.config import HookConfig, to_yaml_value
from lmcore.experiments.ablation.listing import summarize
from lmcore.protocol.messages import (
    AblationCell,
    CheckpointSaved,
    CoreDied,
    Evaluation,
    Event,
    Failed,
    Finished,
    HookArgument,
    HookDescription,
    HookEntry,
    HookStatistics,
    Inspection,
    LayerStatistics,
    LogLine,
    OwnFile,
    Progress,
    Rejected,
    StateChanged,
    ValueChanged,
)
from tests.experiments.comparison.made import make_run, step_rows
from tests.tui.ablation_events import ARMS, BEGAN, keep, result
from tests.tui.fake_core import hook_rows, layer_rows, metrics_rows, run_info
from tui import dialogs
from tui.app import LabApp
from tui.dialogs.fork import ForkDialog
from tui.lab.ablation import AblationState
from tui.lab.ablation_draft import Baseline, Draft
from tui.panes.hooks.catalogue import CatalogueDialog
from tui.panes.hooks.form import HookForm
from tui.panes.layers.parameters import ParametersDialog
from tui.screens.ablation.form import AblationForm
from tui.screens.ablation.listing import AblationsScreen
from tui.screens.ablation.view import AblationScreen
from tui.screens.compare import CompareScreen
from tui.screens.help import HelpScreen
from tui.screens.log import LogScreen
from tui.screens.moments import MomentsScreen
from tui.screens.notes import NotesScreen
from tui.screens.runs import RunsScreen

RUN = "20260102-030405-baseline-1a2b3c4d"
KINDS = ("forward", "backward", "update", "loss")


def leave_runs(text: str) -> list[Path]:
    """Two runs and an ablation in `runs`, with the text in each of their files."""
    folders = []
    for seed in (1, 2):
        folder = make_run(
            Path("runs"),
            f"{RUN}{seed}",
            [{**row, text: 2.0} for row in step_rows([3.0, 2.0, 1.5], first=1)],
            config=f"other: {{name: {to_yaml_value(text)}, seed: {seed}}}\n",
            seed=seed,
            samples=[(1, text), (2, text)],
            title=text,
            tags=[text],
            status="failed",
            reason=text,
            confounded=text,
            error=text,
        )
        (folder / "notes.md").write_text(text, encoding="utf-8", errors="replace")
        change = {"step": 2, "key": "training.learning_rate", "old": text, "new": text}
        (folder / "journal.jsonl").write_text(json.dumps(change) + "\n")
        (folder / "run.log").write_text(text + "\n", encoding="utf-8", errors="replace")
        folders.append(folder)
    keep(Path("runs"), "tiny-ab12", result("running", failures={(ARMS[1], 2): text}))
    return folders


def train(text: str) -> list[Event]:
    """What a core tells of a run that trains."""
    hooks = tuple(dataclasses.replace(row, name=text, use=text, at=text, places=(text,)) for row in hook_rows())
    layers = tuple(dataclasses.replace(row, component=text) for row in layer_rows(1))
    info = run_info(title=text, folder=f"runs/{RUN}1", config_text=f"other: {{name: {to_yaml_value(text)}}}\n")
    return [
        StateChanged("preparing"),
        Progress(text, 0.5),
        StateChanged("running", 0, 4000, info, text),
        metrics_rows(range(1, 40)),
        LayerStatistics(39, layers),
        HookStatistics(39, hooks),
        ValueChanged(20, text, text, text),
        Evaluation(30, {"loss/val": 1.0, text: 2.0}, text, text),
        CheckpointSaved(30, text, 0.1),
        LogLine(text, "warning"),
        LogLine(text, "error"),
        Rejected("Stop", text),
        Finished(text, "failed", 39),
        StateChanged("paused", 39, 4000, info, text),
    ]


def screens(app: LabApp, text: str, folders: list[Path]) -> dict[str, Callable[[], Screen[object]]]:
    """How each screen and dialog is made, by a name for it."""
    entries = tuple(
        HookEntry(kind, text, text, text, "activation", (HookArgument(text, text, text),)) for kind in KINDS
    )
    described = HookDescription(1, entries, ((text, text),), ((text, text),))
    hook = HookConfig.model_construct(name=text, kind="forward", use=text, at=text, arguments={text: text})
    config = app.home.config
    assert config is not None

    class Catalogue(CatalogueDialog):
        def on_mount(self) -> None:
            self.take(described)

    class Parameters(ParametersDialog):
        def on_mount(self) -> None:
            self.call_later(self.take, Inspection(1, (text, text), ((text, 1.0), (text, None))))

    began = dataclasses.replace(BEGAN, name=text, base=text, arms=(text, *ARMS))
    cells = {(text, 1): AblationCell(text, 1, "failed", 1, 4, 1.5, text, text)}
    made: dict[str, Callable[[], Screen[object]]] = {
        "palette": lambda: CommandPalette(id="--command-palette"),
        "help": HelpScreen,
        "runs": lambda: RunsScreen(Path("runs")),
        "compare": lambda: CompareScreen(folders),
        "moments": lambda: MomentsScreen(app.lab, app.home.loss.records.history, ()),
        "moments of another": lambda: MomentsScreen(folder=folders[0]),
        "notes": lambda: NotesScreen(folders[0], text),
        "log": lambda: LogScreen(app.lab.log, folders[0]),
        "ablations": lambda: AblationsScreen(Path("runs")),
        "ablation": lambda: AblationScreen(Path("runs"), AblationState(began, cells, reason=text)),
        "ablation kept": lambda: AblationScreen(Path("runs"), summary=summarize(Path("runs/ablations/tiny-ab12"))),
        "ablation form": lambda: AblationForm(
            Baseline(config.text, text, "."), config.reading, Draft((text,), text, text, text), 2, lambda: None, text
        ),
        "catalogue": Catalogue,
        "hook form": lambda: HookForm("Edit a hook", hook, described, [text]),
        "parameters": lambda: Parameters(text),
        "asking": lambda: dialogs.AskingDialog(text),
        "ask": lambda: dialogs.AskTextDialog(text, text, text, problem_with=lambda _: text),
        "confirm": lambda: dialogs.ConfirmDialog(text, text, note=text),
        "consent": lambda: dialogs.ConsentDialog((OwnFile(text, text, text, text),)),
        "core died": lambda: dialogs.CoreDiedDialog(CoreDied(-9, (text, text), text)),
        "open file": lambda: dialogs.OpenFileDialog([Path(text)], Path(text)),
        "quit": lambda: dialogs.QuitDialog(text, 1, 2),
        "reason": lambda: dialogs.ReasonDialog(text, (text, text)),
        "rename": lambda: dialogs.RenameDialog(text, text),
        "save as": lambda: dialogs.SaveAsDialog(Path(text)),
        "tags": lambda: dialogs.TagsDialog([text], [text]),
        "fork": lambda: ForkDialog(text, 1, text, False),
        "traceback": lambda: dialogs.TracebackDialog(Failed(text, text)),
    }
    return made
